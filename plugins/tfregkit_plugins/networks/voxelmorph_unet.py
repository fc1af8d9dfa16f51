"""VoxelMorph's U-Net by its two lists of filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfregkit_plugins.decoders.unet import UNetDecoder
from tfregkit_plugins.encoders.unet import UNetEncoder


def voxelmorph_unet(
    encoder_filters: Sequence[int], decoder_filters: Sequence[int], finest: str, **options: Any
) -> tuple[UNetEncoder, UNetDecoder]:
    """Encoder and decoder. The decoder's first width is the bottom's, which is in the encoder here.

    Args:
        encoder_filters: Channels level by level from full resolution down.
        decoder_filters: Channels at the bottom, one per level on the way up, and the rest after the last level.
        finest: Where the decoder ends: `full` or `half`.
        **options: Of both.

    Raises:
        ValueError: When there are too few filters of the decoder.
    """
    levels = len(encoder_filters)
    if len(decoder_filters) < levels + 1:
        raise ValueError(
            f"`decoder_filters` needs one entry for the bottom and one per level: at least {levels + 1} for "
            f"{levels} levels. Received: decoder_filters={list(decoder_filters)}"
        )
    ups = levels if finest == "full" else levels - 1
    bottom, up, final = decoder_filters[0], decoder_filters[1 : ups + 1], decoder_filters[ups + 1 :]
    return UNetEncoder(filters=[*encoder_filters, bottom], **options), UNetDecoder(filters=up, final=final, **options)
