"""UNETR's encoder: a vision transformer, and convolutions that make a pyramid of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import Encoder
from tfregkit.layers.doubling import Doubling
from tfregkit.layers.residual_block import ResidualBlock
from tfregkit.ops.blocks import check_divisible
from tfregkit.ops.shapes import spatial_shape
from tfregkit_plugins.encoders.patch_embedding import PatchEmbedding
from tfregkit_plugins.encoders.transformer_block import TransformerBlock

Count = Annotated[int, Field(gt=0)]


class UNETREncoder(Encoder):
    """Tokens of patches through a transformer; what it has after some of its layers is doubled up to finer levels.

    With `n = log2(patch_size)` and `z_l` the tokens after layer l, put back where their patches are:

    - `P0 = residual(image)`, at full resolution, `feature_size` channels,
    - `Pk`, 0 < k < n: of `z_{taps[k - 1]}` by n - k transposed convolutions to `feature_size 2^k` channels, all but
      the first followed by a residual block,
    - `Pn = LN(z_depth)`, `hidden_size` channels.

    By default this is UNETR with ViT-B/16: 216 tokens at 96^3, taps after layers 3, 6 and 9.

    Args:
        patch_size: Voxels of a patch along each axis, a power of 2; sizes of images are multiples of it.
        feature_size: Channels of `P0`; each level has twice as many as the one before.
        hidden_size: Features of a token.
        depth: Layers of the transformer.
        heads: Attention heads, a divisor of `hidden_size`.
        mlp_size: Units of the hidden layer of the transformer's MLPs.
        taps: After which layers the levels 1, 2, ... look at the tokens, n - 1 numbers, rising; `null`: evenly spaced.
            MONAI counts one layer further than the paper: `[4, 7, 10]` for its weights.
        positions: Patches along each axis for which position embeddings are kept: one number for all axes, or one for
            each. They are interpolated linearly for images that have another number.
        slope: Negative slope of the LeakyReLU.
        remat: Recompute blocks in the backward pass instead of keeping their inner results: less memory, more time.

    Call arguments: `inputs` `(B, X, Y[, Z], C)`; `embedding` `None` or `(B, E)`, which reaches every residual block and
    every layer of the transformer by FiLM. Returns `{"P0": (B, X, Y[, Z], feature_size), "P1": (B, X/2, ...), ...}`.

    Reference: Hatamizadeh et al. 2022, UNETR, section 3, doi:10.1109/WACV51458.2022.00181; Dosovitskiy et al. 2021,
    arXiv:2010.11929.
    """

    block = "conv"  # lambda comes as an embedding, as to the U-Net's block of that name

    def __init__(
        self,
        *,
        patch_size: Annotated[int, Field(ge=2)] = 16,
        feature_size: Count = 16,
        hidden_size: Count = 768,
        depth: Count = 12,
        heads: Count = 12,
        mlp_size: Count = 3072,
        taps: list[Count] | None = None,
        positions: Count | Annotated[list[Count], Field(min_length=2, max_length=3)] = 6,
        slope: Annotated[float, Field(ge=0, le=1)] = 0.01,
        remat: bool = False,
    ) -> None:
        super().__init__()
        if patch_size & (patch_size - 1):
            raise ValueError(f"`patch_size` must be a power of 2. Received: patch_size={patch_size}")
        if hidden_size % heads:
            raise ValueError(f"`heads` must divide `hidden_size`. Received: heads={heads}, hidden_size={hidden_size}")
        self.patch_size = patch_size
        self.feature_size = feature_size
        self.hidden_size = hidden_size
        self.depth = depth
        self.heads = heads
        self.mlp_size = mlp_size
        self.positions = positions
        self.slope = slope
        self.remat = remat
        levels = patch_size.bit_length() - 1
        self.taps = _layers_tapped(taps, depth, levels)
        self.embed = PatchEmbedding(patch_size, hidden_size, positions)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)
        with keras.RematScope(mode="full" if remat else None):
            self.transformer = [TransformerBlock(heads, mlp_size) for _ in range(depth)]
            self.image_block = ResidualBlock(feature_size, slope=slope)
            filters = [feature_size * 2**level for level in range(1, levels)]
            self.doublings = [[Doubling(f) for _ in range(levels - k)] for k, f in enumerate(filters, start=1)]
            self.blocks = [
                [ResidualBlock(f, slope=slope) for _ in range(levels - k - 1)] for k, f in enumerate(filters, start=1)
            ]

    @property
    def stride(self) -> int:
        return self.patch_size

    def build(self, inputs_shape, embedding_shape=None):
        tokens = (None, None, self.hidden_size)
        self.embed.build(inputs_shape)
        for block in self.transformer:
            block.build(tokens, embedding_shape)
        self.norm.build(tokens)
        self.image_block.build(inputs_shape, embedding_shape)
        for doublings, blocks in zip(self.doublings, self.blocks, strict=True):
            shape = (*[None] * (len(inputs_shape) - 1), self.hidden_size)
            for number, doubling in enumerate(doublings):
                doubling.build(shape)
                shape = (*shape[:-1], doubling.filters)
                if number:
                    blocks[number - 1].build(shape, embedding_shape)

    def call(self, inputs, embedding=None, training=None):
        sizes = spatial_shape(inputs)
        check_divisible(sizes, [self.patch_size] * len(sizes), "cut into patches")
        condition = () if embedding is None else (embedding,)
        states = self._states(inputs, condition)
        pyramid = {"P0": self.image_block(inputs, *condition)}
        for level, (layer, doublings, blocks) in enumerate(
            zip(self.taps, self.doublings, self.blocks, strict=True), start=1
        ):
            features = doublings[0](states[layer])
            for doubling, block in zip(doublings[1:], blocks, strict=True):
                features = block(doubling(features), *condition)
            pyramid[f"P{level}"] = features
        return {**pyramid, f"P{len(pyramid)}": self.norm(states[self.depth])}

    def _states(self, inputs, condition):
        """What the transformer has after the layers that are looked at, by number: `(B, x, y[, z], hidden_size)`."""
        embedded = self.embed(inputs)
        shape = (-1, *spatial_shape(embedded), self.hidden_size)
        tokens, states = ops.reshape(embedded, (ops.shape(embedded)[0], -1, self.hidden_size)), {}
        for layer, block in enumerate(self.transformer, start=1):
            tokens = block(tokens, *condition)
            if layer in (*self.taps, self.depth):
                states[layer] = ops.reshape(tokens, shape)
        return states


def _layers_tapped(taps, depth, levels):
    """After which layers the levels 1, 2, ... look at the tokens.

    Raises:
        ValueError: When they are too few or too many, fall, or are no layers.
    """
    if taps is None:
        return [-(-depth * level // levels) for level in range(1, levels)]
    if len(taps) != levels - 1 or any(b < a for a, b in pairwise(taps)) or max(taps, default=1) > depth:
        raise ValueError(
            f"`taps` must be {levels - 1} numbers of layers, one for each level between the image and the tokens, "
            f"rising, at most {depth}. Received: taps={taps}"
        )
    return list(taps)
