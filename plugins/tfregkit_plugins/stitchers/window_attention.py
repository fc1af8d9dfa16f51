"""Self-attention of tokens within windows."""

from __future__ import annotations

import keras
from keras import ops

from tfregkit.layers.float32_layer import Float32Layer
from tfregkit.ops.blocks import merge_blocks, split_blocks
from tfregkit.ops.shapes import spatial_shape
from tfregkit_plugins.stitchers.windows import relative_positions, shifted_groups

COMPONENTS = 3
"""Of a displacement: what the linear maps mix, voxel by voxel."""


class WindowAttention(Float32Layer):
    """W-MSA, or with a `shift` SW-MSA, of tokens that are pieces of a field.

    With `x_i` the field in token i, `(R, 3)` for R voxels, and voxelwise linear maps to `q`, `k`, `v` and back:

    `A_ij = softmax_j(q_i . k_j / sqrt(3R / heads) + bias_ij)`, `out_i = project(sum_j A_ij v_j)`

    over the tokens j of the window of i, where the dot product is that of whole tokens and `bias` is learnt for each
    difference of two places in a window. With a shift the windows lie `shift` tokens further along every axis; those
    that reach over the border take in tokens from the other side, which do not look at each other. The projection
    begins at zero, and so does the result.

    Args:
        side: Tokens along each axis of a window, m.
        shift: How far the windows are shifted, in tokens.
        heads: Into how many the three components are divided, 1 or 3.
        normalization: `none`, or `layer`: over the three components of each voxel, before the maps.

    Call arguments: `tokens` `(B, gx, gy, gz, R * 3)`, numbers of tokens divisible by `side`. Returns the same shape.
    """

    def __init__(self, side, shift=0, heads=1, normalization="none", **kwargs):
        super().__init__(**kwargs)
        self.side = side
        self.shift = shift
        self.heads = heads
        self.normalization = normalization

    def build(self, tokens_shape):
        small = keras.initializers.TruncatedNormal(stddev=0.02)  # as in the Swin Transformer
        self.query, self.key, self.value = (self._voxelwise(name, small) for name in ("query", "key", "value"))
        self.project = self._voxelwise("project", "zeros")
        self.norm = None
        if self.normalization == "layer":
            self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy)
            self.norm.build((None, COMPONENTS))
        differences = (2 * self.side - 1) ** 3
        self.bias = self.add_weight(shape=(differences, self.heads), initializer=small, name="position_bias")

    def call(self, tokens):
        grid = spatial_shape(tokens)
        windows = self.windows(tokens)
        value = self._by_head(self.value(windows))
        attended = ops.matmul(self.attention(windows, grid), value)  # (W, heads, m^3, R * 3 / heads)
        voxels = ops.reshape(attended, (-1, self.heads, self.side**3, *self._voxels(windows)))
        mixed = self.project(ops.reshape(ops.transpose(voxels, (0, 2, 3, 1, 4)), ops.shape(windows)))
        return self._merged(mixed, grid)

    def windows(self, tokens):
        """The voxels of each token of each window, after the shift: `(B * windows, m^3, R, 3)`."""
        rolled = ops.roll(tokens, (-self.shift,) * 3, axis=(1, 2, 3)) if self.shift else tokens
        blocks = split_blocks(rolled, self._counts(spatial_shape(tokens)))
        windows = ops.reshape(blocks, (-1, self.side**3, ops.shape(tokens)[-1] // COMPONENTS, COMPONENTS))
        return windows if self.norm is None else self.norm(windows)

    def attention(self, windows, grid):
        """Who looks at whom, `(B * windows, heads, m^3, m^3)`: rows sum to 1, and are 0 for tokens from the other side.

        The logits grow with the square of the field, so those tokens are left out rather than given -100 as in Swin,
        whose logits are those of normalised features.

        Args:
            windows: As `windows` gives them.
            grid: The tokens along each axis of the whole field.
        """
        tokens = self.side**3
        query, key = self._by_head(self.query(windows)), self._by_head(self.key(windows))
        logits = ops.matmul(query, ops.swapaxes(key, -1, -2)) / ops.sqrt(ops.cast(ops.shape(query)[-1], query.dtype))
        bias = ops.reshape(ops.take(self.bias, relative_positions(self.side), axis=0), (tokens, tokens, self.heads))
        logits = logits + ops.transpose(bias, (2, 0, 1))
        if self.shift:
            counts = self._counts(grid)
            groups = split_blocks(shifted_groups(grid, self.side, self.shift)[None, ..., None], counts)
            groups = ops.reshape(groups, (-1, 1, tokens))  # (windows, 1, m^3)
            by_item = ops.reshape(logits, (-1, ops.shape(groups)[0], self.heads, tokens, tokens))
            by_item = ops.where(groups[..., None] == groups[:, :, None], by_item, -1e30)
            logits = ops.reshape(by_item, ops.shape(logits))
        return ops.softmax(logits)

    def _by_head(self, windows):
        """`(W, m^3, R, 3)` to `(W, heads, m^3, R * 3 / heads)`."""
        voxels, width = self._voxels(windows)
        parts = ops.reshape(windows, (-1, self.side**3, voxels, self.heads, width))
        return ops.reshape(ops.transpose(parts, (0, 3, 1, 2, 4)), (-1, self.heads, self.side**3, voxels * width))

    def _voxels(self, windows):
        """Voxels of a token, and components of a head."""
        return ops.shape(windows)[2], COMPONENTS // self.heads

    def _merged(self, windows, grid):
        """The inverse of `windows`."""
        blocks = ops.reshape(windows, (-1, *[self.side] * 3, ops.shape(windows)[2] * COMPONENTS))
        tokens = merge_blocks(blocks, self._counts(grid))
        return ops.roll(tokens, (self.shift,) * 3, axis=(1, 2, 3)) if self.shift else tokens

    def _counts(self, grid):
        """Windows along each axis."""
        return [size // self.side for size in grid]

    def _voxelwise(self, name, initializer):
        """A linear map of the three components."""
        layer = keras.layers.Dense(COMPONENTS, kernel_initializer=initializer, name=name, dtype=self.dtype_policy)
        layer.build((None, COMPONENTS))
        return layer
