"""Patches of an image as tokens of a transformer."""

from __future__ import annotations

import keras
from keras import ops

from tfregkit.api import ConfigError
from tfregkit.ops.blocks import split_blocks
from tfregkit.ops.shapes import spatial_shape
from tfregkit.ops.stretch import stretch


class PatchEmbedding(keras.layers.Layer):
    """`x_i = E p_i + b + position_i`: a linear map of each patch, and what is learnt for its place.

    Positions are kept for a grid of patches of one shape; those of any other are interpolated linearly
    (`tfregkit.ops.stretch`), over the same extent. They begin with a truncated normal distribution of width 0.02.

    Args:
        patch_size: Voxels of a patch along each axis.
        size: Features of a token, C.
        positions: Patches along each axis for which positions are kept: one number for all axes, or one for each.

    Call arguments: `image` `(B, X, Y[, Z], c)`, sizes divisible by `patch_size`. Returns `(B, x, y[, z], C)`.

    Reference: Dosovitskiy et al. 2021, equation 1, arXiv:2010.11929.
    """

    def __init__(self, patch_size, size, positions, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.size = size
        self.positions = positions

    def build(self, image_shape):
        rank = len(image_shape) - 2
        grid = [self.positions] * rank if isinstance(self.positions, int) else self.positions
        if len(grid) != rank:
            raise ConfigError(f"`positions` must have one number per axis of the image, {rank}. Received: {grid}")
        self.project = keras.layers.Dense(self.size, dtype=self.dtype_policy, name="project")
        self.project.build((None, self.patch_size**rank * image_shape[-1]))
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        self.position = self.add_weight(shape=(1, *grid, self.size), initializer=small, name="position")

    def call(self, image):
        grid = [size // self.patch_size for size in spatial_shape(image)]
        patches = split_blocks(image, grid)
        voxels = self.patch_size ** len(grid) * image.shape[-1]
        tokens = self.project(ops.reshape(patches, (-1, *grid, voxels)))
        return tokens + ops.cast(stretch(self.position, grid), tokens.dtype)

    def compute_output_shape(self, image_shape):
        return (image_shape[0], *(size and size // self.patch_size for size in image_shape[1:-1]), self.size)

    def get_config(self):
        own = ("patch_size", "size", "positions")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
