"""The first convolution of a U-Net's decoder level."""

from __future__ import annotations

import keras
from keras import ops

from tfregkit.layers.conv_block import ConvBlock


class UpConvBlock(ConvBlock):
    """`ConvBlock(concat(up(coarse), skip))` with `up` nearest-neighbour doubling.

    Call arguments: `coarse` `(B, X/2, Y/2[, Z/2], C1)`; `skip` `(B, X, Y[, Z], C2)`; `embedding` `None` or `(B, E)`.
    Returns `(B, X, Y[, Z], filters)`. The other arguments are those of `ConvBlock`.
    """

    def build(self, coarse_shape, skip_shape, embedding_shape=None):
        super().build((*skip_shape[:-1], coarse_shape[-1] + skip_shape[-1]), embedding_shape)

    def call(self, coarse, skip, embedding=None):
        for axis in range(1, len(coarse.shape) - 1):
            coarse = ops.repeat(coarse, 2, axis=axis)
        return self._tail(self.conv(ops.concatenate([coarse, skip], axis=-1)), embedding)

    def compute_output_shape(self, coarse_shape, skip_shape, embedding_shape=None):
        return (*skip_shape[:-1], self.filters)
