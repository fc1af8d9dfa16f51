"""From a feature map to embeddings of its voxels."""

from __future__ import annotations

import keras

from tfregkit.layers.conv_block import ConvBlock, convolution


class Projector(keras.layers.Layer):
    """Three convolutions of one voxel with `[c, c, 2 c]` channels; normalisation and ReLU after the first two.

    Call arguments: `maps` `(B, X, Y[, Z], c)`. Returns `(B, X, Y[, Z], 2 c)`.

    Args:
        normalization: `None`, `"instance"` or `"batch"`, see `ConvBlock`.

    Reference: Li et al. 2022 (MixCL), section 2.1.
    """

    def __init__(self, normalization=None, **kwargs):
        super().__init__(**kwargs)
        self.normalization = normalization

    def build(self, maps_shape):
        channels = maps_shape[-1]
        options = {"normalization": self.normalization, "slope": 0.0, "dtype": self.dtype_policy}
        self.blocks = [ConvBlock(channels, 1, **options) for _ in range(2)]
        self.last = convolution(len(maps_shape) - 2, 2 * channels, 1, dtype=self.dtype_policy)
        for layer in (*self.blocks, self.last):
            layer.build(maps_shape)

    def call(self, maps):
        for block in self.blocks:
            maps = block(maps)
        return self.last(maps)

    def get_config(self):
        return {**super().get_config(), "normalization": self.normalization}
