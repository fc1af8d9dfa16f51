"""UNETR's decoder."""

from __future__ import annotations

from typing import Annotated

import keras
from pydantic import Field

from tfregkit.api import Decoder
from tfregkit.layers.doubling import Doubling
from tfregkit.layers.residual_block import ResidualBlock
from tfregkit_plugins.decoders.levels import check_filters


class UNETRDecoder(Decoder):
    """From the bottom of a pyramid up: `x <- residual(concat(up(x), level))`, `up` a transposed convolution.

    Any encoder's pyramid will do.

    Args:
        filters: Channels of each level above the bottom, coarse to fine: one entry per level for features at full
            resolution, fewer to end at a coarser one.
        kernel_size: Side of the convolutions' kernels, odd.
        slope: Negative slope of the LeakyReLU.
        remat: Recompute the blocks in the backward pass instead of keeping their inner results: less memory, more time.

    Call arguments: `pyramid` `{"P0": ..., "Pn": ...}`, each level half as large as the one before; `embedding` `None`
    or `(B, E)`, which reaches every residual block by FiLM. Returns `(B, x, y[, z], filters[-1])` of the finest level
    reached.

    Reference: Hatamizadeh et al. 2022, UNETR, section 3, doi:10.1109/WACV51458.2022.00181.
    """

    block = "conv"  # lambda comes as an embedding, as to the U-Net's block of that name

    def __init__(
        self,
        *,
        filters: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)] = (128, 64, 32, 16),
        kernel_size: Annotated[int, Field(gt=0)] = 3,
        slope: Annotated[float, Field(ge=0, le=1)] = 0.01,
        remat: bool = False,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size}")
        self.filters = list(filters)
        self.kernel_size = kernel_size
        self.slope = slope
        self.remat = remat
        with keras.RematScope(mode="full" if remat else None):
            self.up = [Doubling(f) for f in self.filters]
            self.blocks = [ResidualBlock(f, kernel_size, slope) for f in self.filters]

    @property
    def doublings(self) -> int:
        return len(self.filters)

    def build(self, pyramid_shape, embedding_shape=None):
        check_filters(self.filters, len(pyramid_shape))
        bottom = len(pyramid_shape) - 1
        shape = pyramid_shape[f"P{bottom}"]
        for level, (up, block) in enumerate(zip(self.up, self.blocks, strict=True), start=1):
            up.build(shape)
            skip = pyramid_shape[f"P{bottom - level}"]
            shape = (*skip[:-1], block.filters)
            block.build((*skip[:-1], up.filters + skip[-1]), embedding_shape)

    def call(self, pyramid, embedding=None, training=None):
        bottom = len(pyramid) - 1
        condition = () if embedding is None else (embedding,)
        features = pyramid[f"P{bottom}"]
        for level, (up, block) in enumerate(zip(self.up, self.blocks, strict=True), start=1):
            joined = keras.ops.concatenate([up(features), pyramid[f"P{bottom - level}"]], axis=-1)
            features = block(joined, *condition)
        return features
