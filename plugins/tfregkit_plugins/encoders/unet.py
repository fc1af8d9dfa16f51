"""The contracting path of a U-Net."""

from __future__ import annotations

from typing import Annotated, Literal

import keras
from pydantic import Field

from tfregkit.api import Encoder
from tfregkit.layers.blocks import unet_blocks
from tfregkit.layers.conv_block import ConvBlock
from tfregkit.layers.max_pooling import max_pooling


class UNetEncoder(Encoder):
    """Per level `convolutions` blocks of convolution and LeakyReLU, 2-fold max-pooling between levels.

    Args:
        filters: Channels of level 0 (full resolution), 1, ...; the last is the bottom, at 1 / 2^(levels - 1).
        convolutions: Blocks per level.
        kernel_size: Side of the kernels, odd.
        normalization: `none`, `instance` or `batch`; `cin` blocks bring their own.
        slope: Negative slope of the LeakyReLU (0.2 in the papers; Keras' own default is 0.3); 0 is ReLU.
        block: `conv` (convolution, normalisation, FiLM, LeakyReLU) or `cin` (instance normalisation conditioned by a
            map of lambda of the block's own, LeakyReLU, convolution); the first convolution of the images is plain.
        pooled_bottom: Whether there is one level more, half as large, which is the last one pooled and nothing else.
        initializer: Of the convolutions: `glorot` (Keras' own) or `he` (He et al. 2015, normal).
        remat: Recompute the blocks in the backward pass instead of keeping their inner results: less memory, more time.

    Call arguments: `inputs` `(B, X, Y[, Z], C)`; `embedding` `None` or `(B, E)`.
    Returns `{"P0": (B, X, Y[, Z], filters[0]), "P1": (B, X/2, ...), ...}`.

    Reference of `he`: He et al. 2015, doi:10.1109/ICCV.2015.123.
    """

    def __init__(
        self,
        *,
        filters: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=2)] = (16, 32, 32, 32, 32),
        convolutions: Annotated[int, Field(gt=0)] = 1,
        kernel_size: Annotated[int, Field(gt=0)] = 3,
        normalization: Literal["none", "instance", "batch"] = "none",
        block: Literal["conv", "cin"] = "conv",
        slope: Annotated[float, Field(ge=0, le=1)] = 0.2,
        pooled_bottom: bool = False,
        initializer: Literal["glorot", "he"] = "glorot",
        remat: bool = False,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size}")
        self.filters = list(filters)
        self.convolutions = convolutions
        self.kernel_size = kernel_size
        self.normalization = normalization
        self.block = block
        self.slope = slope
        self.pooled_bottom = pooled_bottom
        self.initializer = initializer
        self.remat = remat
        conv, _ = unet_blocks(block, kernel_size, normalization, slope, initializer, remat)
        with keras.RematScope(mode="full" if remat else None):
            blocks = [[conv(f) for _ in range(convolutions)] for f in self.filters]
            if block == "cin":
                kernels = blocks[0][0].kernel_initializer
                blocks[0][0] = ConvBlock(self.filters[0], kernel_size, slope=slope, kernel_initializer=kernels)
            if pooled_bottom:
                blocks.append([])
            self.blocks = blocks  # now, as a whole: Keras does not see later changes

    @property
    def stride(self) -> int:
        return 2 ** (len(self.blocks) - 1)

    def build(self, inputs_shape, embedding_shape=None):
        self.pool = max_pooling(len(inputs_shape) - 2, dtype=self.dtype_policy)

    def call(self, inputs, embedding=None, training=None):
        features, pyramid = inputs, {}
        condition = () if embedding is None else (embedding,)
        for level, blocks in enumerate(self.blocks):
            features = self.pool(features) if level else features
            for number, block in enumerate(blocks):
                plain = self.block == "cin" and level == number == 0
                features = block(features) if plain else block(features, *condition)
            pyramid[f"P{level}"] = features
        return pyramid
