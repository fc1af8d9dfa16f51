"""The expanding path of a U-Net."""

from __future__ import annotations

from typing import Annotated, Literal

import keras
from pydantic import Field

from tfregkit.api import Decoder
from tfregkit.layers.blocks import unet_blocks
from tfregkit.ops.leaky_relu import leaky_relu
from tfregkit_plugins.decoders.levels import check_filters


class UNetDecoder(Decoder):
    """From the bottom of a pyramid up: double, join with the level's features, convolve; then the final blocks.

    Args:
        filters: Channels of each level above the bottom, coarse to fine: one entry per level for features at full
            resolution, fewer to end at a coarser one, which saves most of the arithmetic.
        final: Channels of further blocks at the resolution where `filters` end.
        bottom: Channels of blocks on the coarsest map, before the first doubling.
        convolutions: Blocks per level, but for the last of `filters`, which has one and then `final`.
        kernel_size: Side of the kernels, odd.
        normalization: `none`, `instance` or `batch`; `cin` blocks bring their own.
        slope: Negative slope of the LeakyReLU; 0 is ReLU.
        block: `conv` (convolution, normalisation, FiLM, LeakyReLU) or `cin` (instance normalisation conditioned by a
            map of lambda of the block's own, LeakyReLU, convolution); a last LeakyReLU follows.
        initializer: Of the convolutions: `glorot` (Keras' own) or `he` (He et al. 2015, normal).
        remat: Recompute the blocks in the backward pass instead of keeping their inner results: less memory, more time.

    Call arguments: `pyramid` `{"P0": ..., "Pn": ...}`, each level half as large as the one before; `embedding` `None`
    or `(B, E)`. Returns `(B, x, y[, z], C)` of the finest level reached, C the last of `final`, or of `filters` when
    `final` is empty.
    """

    def __init__(
        self,
        *,
        filters: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)] = (32, 32, 32, 32),
        final: list[Annotated[int, Field(gt=0)]] = (16, 16),
        bottom: list[Annotated[int, Field(gt=0)]] = (),
        convolutions: Annotated[int, Field(gt=0)] = 1,
        kernel_size: Annotated[int, Field(gt=0)] = 3,
        normalization: Literal["none", "instance", "batch"] = "none",
        block: Literal["conv", "cin"] = "conv",
        slope: Annotated[float, Field(ge=0, le=1)] = 0.2,
        initializer: Literal["glorot", "he"] = "glorot",
        remat: bool = False,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size}")
        self.filters, self.final, self.bottom = list(filters), list(final), list(bottom)
        self.convolutions = convolutions
        self.kernel_size = kernel_size
        self.normalization = normalization
        self.block = block
        self.slope = slope
        self.initializer = initializer
        self.remat = remat
        conv, up_conv = unet_blocks(block, kernel_size, normalization, slope, initializer, remat)
        with keras.RematScope(mode="full" if remat else None):
            self.bottom_blocks = [conv(f) for f in self.bottom]
            self.up_blocks = [up_conv(f) for f in self.filters]
            self.level_blocks = [[conv(f) for _ in range(convolutions - 1)] for f in self.filters[:-1]] + [[]]
            self.final_blocks = [conv(f) for f in self.final]

    @property
    def doublings(self) -> int:
        return len(self.filters)

    def build(self, pyramid_shape, embedding_shape=None):
        check_filters(self.filters, len(pyramid_shape))

    def call(self, pyramid, embedding=None, training=None):
        bottom = len(pyramid) - 1
        condition = () if embedding is None else (embedding,)
        features = pyramid[f"P{bottom}"]
        for block in self.bottom_blocks:
            features = block(features, *condition)
        for level, (up, blocks) in enumerate(zip(self.up_blocks, self.level_blocks, strict=True), start=1):
            features = up(features, pyramid[f"P{bottom - level}"], *condition)
            for block in blocks:
                features = block(features, *condition)
        for block in self.final_blocks:
            features = block(features, *condition)
        return leaky_relu(features, self.slope) if self.block == "cin" else features
