"""The CLMorph preset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tfregkit_plugins.decoders.unet import UNetDecoder
from tfregkit_plugins.encoders.unet import UNetEncoder
from tfregkit_plugins.networks.siamese import Siamese

Filters = Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)]


class CLMorph(Siamese):
    """CLMorph's network: a siamese U-Net with batch normalisation and ReLU, and a probabilistic displacement.

    Two blocks per level, convolutions as He et al. 2015 start them; the bottom is the last level pooled, and wide
    blocks look at both images there. 3,844,854 weights in 3-D, and 2,048 moving statistics.

    Args:
        encoder_filters: Channels of the encoder, level by level from full resolution down.
        bottom_filters: Channels of the blocks at the bottom, below the encoder's levels.
        decoder_filters: Channels of the decoder on the way up, one per level of the encoder; two blocks each, one at
            the last. Leave out the last entry to end at half resolution, which is several times cheaper.
        normalization: `batch` as published, `instance` (which `remat` can recompute), or `none`.
        probabilistic: Predict mean and log variance, for `kl`; false: the displacement alone.
        resolution: Where the field is integrated, or with `steps: 0` given: `half` makes it smoother.
        steps: T of the integration; published: 0, none.
        method: How the velocity is integrated.
        bidirectional: Give `inverse` in training too; with `steps: 0` it is predicted.
        remat: Recompute the blocks in the backward pass: less memory, more time.

    Reference: Liu et al. 2020, section III, arXiv:2011.08894; widths as in the authors' code.
    """

    def __init__(
        self,
        *,
        encoder_filters: Filters = (16, 32, 64),
        bottom_filters: Filters = (256, 128),
        decoder_filters: Filters = (128, 64, 32),
        normalization: Literal["batch", "instance", "none"] = "batch",
        probabilistic: bool = True,
        resolution: Literal["full", "half"] = "full",
        steps: Annotated[int, Field(ge=0)] = 0,
        method: Literal["scaling_squaring", "euler"] = "scaling_squaring",
        bidirectional: bool = False,
        remat: bool = False,
    ) -> None:
        blocks = {"convolutions": 2, "normalization": normalization, "slope": 0.0, "initializer": "he", "remat": remat}
        super().__init__(
            encoder=UNetEncoder(filters=encoder_filters, pooled_bottom=True, **blocks),
            decoder=UNetDecoder(filters=decoder_filters, final=[], bottom=bottom_filters, **blocks),
            resolution=resolution,
            steps=steps,
            method=method,
            bidirectional=bidirectional,
            probabilistic=probabilistic,
        )
        self.encoder_filters = list(encoder_filters)
        self.bottom_filters = list(bottom_filters)
        self.decoder_filters = list(decoder_filters)
        self.normalization = normalization
        self.remat = remat
