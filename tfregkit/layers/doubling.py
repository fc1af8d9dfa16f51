"""Learnt doubling of the resolution."""

from __future__ import annotations

import keras
from keras import ops

from tfregkit.ops.blocks import merge_blocks
from tfregkit.ops.shapes import spatial_shape


class Doubling(keras.layers.Layer):
    """A transposed convolution with kernels and strides of 2 and no bias, 2-D or 3-D.

    Kernels do not overlap, so it is a linear map of each voxel to the `2^N` voxels it becomes: one matrix product.

    Args:
        filters: Output channels.

    Call arguments: `x` `(B, X, Y[, Z], C)`. Returns `(B, 2X, 2Y[, 2Z], filters)`.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, x_shape):
        """`kernel` `(C, 2^N * filters)`: for each of the new voxels, in the order of the array, its channels."""
        units = 2 ** (len(x_shape) - 2) * self.filters
        self.kernel = self.add_weight(shape=(x_shape[-1], units), initializer="glorot_uniform", name="kernel")

    def call(self, x):
        sizes = spatial_shape(x)
        kernel = ops.cast(self.kernel, x.dtype)  # recomputed blocks get it as it is kept
        blocks = ops.reshape(ops.matmul(x, kernel), (-1, *[2] * len(sizes), self.filters))
        return merge_blocks(blocks, sizes)

    def compute_output_shape(self, x_shape):
        return (x_shape[0], *(size and 2 * size for size in x_shape[1:-1]), self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}
