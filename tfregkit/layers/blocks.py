"""The blocks of U-Net encoders and decoders."""

from __future__ import annotations

from functools import partial
from typing import Any

from tfregkit.layers.cin_block import CINBlock
from tfregkit.layers.conv_block import ConvBlock
from tfregkit.layers.up_cin_block import UpCINBlock
from tfregkit.layers.up_conv_block import UpConvBlock

INITIALIZERS = {"glorot": "glorot_uniform", "he": "he_normal"}


def unet_blocks(
    block: str, kernel_size: int, normalization: str, slope: float, initializer: str, remat: bool
) -> tuple[Any, Any]:
    """What makes a block of that many filters, and what makes the first of a decoder's level.

    Raises:
        ValueError: When these do not go together.
    """
    options: dict[str, Any] = {"kernel_size": kernel_size, "slope": slope}
    options["kernel_initializer"] = INITIALIZERS[initializer]
    if remat and normalization == "batch":
        raise ValueError(
            "`remat` computes blocks twice, and `normalization: batch` would count every batch twice. Set `remat` to "
            "false, or use `normalization: instance`."
        )
    if block == "cin":
        if normalization != "none":
            raise ValueError(f"`block: cin` brings its own normalisation. Received: normalization={normalization}")
        return partial(CINBlock, **options), partial(UpCINBlock, **options)
    options["normalization"] = None if normalization == "none" else normalization
    return partial(ConvBlock, **options), partial(UpConvBlock, **options)
