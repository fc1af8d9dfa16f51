"""PC-SwinMorph's stitcher: window attention, then shifted window attention."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import Stitcher
from tfregkit.ops.blocks import check_divisible, merge_blocks, split_blocks
from tfregkit.ops.resize import resize_image
from tfregkit.ops.shapes import spatial_shape
from tfregkit_plugins.stitchers.window_attention import COMPONENTS, WindowAttention


class Swin(Stitcher):
    """Tokens of the field look at each other within windows, then within windows that lie across the blocks' borders.

    `x <- x + W-MSA(x)`, `x <- x + SW-MSA(x)`, each followed by `x <- x + MLP(x)` where there is one. Before it has
    learnt anything both are zero, so it begins as the identity.

    With `token: region` a window is one block and a token one of its `m^3` regions, so that the shift by one region
    mixes the blocks: 8 windows become 27 sub-windows. With `token: voxel` a window is `m^3` voxels.

    Args:
        token: What looks at what: a `region`, with all its voxels as features, or a `voxel`.
        window: Tokens along each axis of a window, m.
        shift: How many tokens the second windows are shifted; 0: not at all. Published: 1 (Swin itself: m / 2).
        resolution: Where this is done: `full`, or `half`: the field is resized before, and what is added to it resized
            back, an eighth of the arithmetic.
        heads: Attention heads, 1 or 3, among which the three components are divided.
        normalization: `none`, or `layer`: over the three components of each voxel, before attention and MLP, which see
            directions then and no lengths.
        mlp_ratio: Width of the MLP over that of the field; 0: no MLP. Swin's is 4.

    Call arguments: `field` `(B, X, Y, Z, 3)` in voxels; `count`, the blocks along each axis. Returns the same shape.

    Raises:
        ValueError: If a size is no multiple of `multiple(count)`; the message names sizes that are.

    Reference: Liu et al. 2022, PC-SwinMorph, section 3.3, arXiv:2203.05684; Liu et al. 2021, Swin Transformer,
    doi:10.1109/ICCV48922.2021.00986.
    """

    def __init__(
        self,
        *,
        token: Literal["region", "voxel"] = "region",
        window: Annotated[int, Field(ge=1)] = 4,
        shift: Annotated[int, Field(ge=0)] = 1,
        resolution: Literal["full", "half"] = "half",
        heads: Literal[1, 3] = 1,
        normalization: Literal["none", "layer"] = "none",
        mlp_ratio: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__()
        if shift >= window:
            raise ValueError(f"`shift` must be below `window`. Received: shift={shift}, window={window}")
        self.token = token
        self.window = window
        self.shift = shift
        self.resolution = resolution
        self.heads = heads
        self.normalization = normalization
        self.mlp_ratio = mlp_ratio
        options = {"heads": heads, "normalization": normalization, "dtype": self.dtype_policy}
        self.attentions = [WindowAttention(window, shift=by, **options) for by in (0, shift)]
        self.mlps = [self._mlp() for _ in self.attentions] if mlp_ratio else []

    def multiple(self, count: int) -> int:
        halving = 2 if self.resolution == "half" else 1
        return count * self.window * halving if self.token == "region" else math.lcm(count, self.window * halving)

    def build(self, field_shape: Any) -> None:
        for attention in self.attentions:
            attention.build((*[None] * 4, COMPONENTS))
        for mlp in self.mlps:
            mlp.build((*[None] * 5, COMPONENTS))

    def call(self, field: Any, count: int, training: bool | None = None) -> Any:
        if len(field.shape) != 5 or field.shape[-1] != COMPONENTS:
            raise ValueError(f"`swin` stitches 3-D fields, (B, X, Y, Z, 3). Received: shape {tuple(field.shape)}")
        sizes = spatial_shape(field)
        check_divisible(sizes, [self.multiple(count)] * 3, f"stitched from {count} blocks along each axis")
        if self.resolution == "full":
            return self._stitched(field, count)
        coarse = resize_image(field, [size // 2 for size in sizes])
        return field + resize_image(self._stitched(coarse, count) - coarse, sizes)

    def _stitched(self, field: Any, count: int) -> Any:
        if self.token == "voxel":
            return self._attended(field)
        along = count * self.window
        regions = split_blocks(field, along)  # (B * along^3, x, y, z, 3)
        voxels = spatial_shape(regions)
        tokens = self._attended(ops.reshape(regions, (-1, *[along] * 3, math.prod(voxels) * COMPONENTS)))
        return merge_blocks(ops.reshape(tokens, (-1, *voxels, COMPONENTS)), along)

    def _attended(self, tokens: Any) -> Any:
        """`(B, gx, gy, gz, R * 3)`, one token a place."""
        for number, attention in enumerate(self.attentions):
            tokens = tokens + attention(tokens)
            if self.mlps:
                voxels = ops.reshape(tokens, (*ops.shape(tokens)[:4], -1, COMPONENTS))
                tokens = tokens + ops.reshape(self.mlps[number](voxels), ops.shape(tokens))
        return tokens

    def _mlp(self) -> keras.Sequential:
        """Voxel by voxel, from three components to three; zero at the beginning."""
        options = {"dtype": self.dtype_policy}
        norm = [keras.layers.LayerNormalization(epsilon=1e-5, **options)] if self.normalization == "layer" else []
        wide = keras.layers.Dense(self.mlp_ratio * COMPONENTS, activation="gelu", **options)
        return keras.Sequential([*norm, wide, keras.layers.Dense(COMPONENTS, kernel_initializer="zeros", **options)])
