"""The PC-SwinMorph preset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tfregkit.api import Stitcher
from tfregkit_plugins.networks.siamese import Siamese
from tfregkit_plugins.networks.voxelmorph_unet import voxelmorph_unet
from tfregkit_plugins.stitchers.swin import Swin

Filters = Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)]


class PCSwinMorph(Siamese):
    """PC-SwinMorph's network: VoxelMorph's U-Net with a siamese encoder, on patches, both ways, stitched by attention.

    452,614 weights of convolutions in 3-D, and the stitcher's. The switches of the paper's table 3 are `patches` (1 or
    2), `stitcher` (`concat` or `swin`), and whether the objective has a contrast of patches.

    Args:
        encoder_filters: Channels of the encoder, level by level from full resolution down.
        decoder_filters: Channels of the decoder: one at the bottom, one per level on the way up, the rest at the finest
            resolution after the last level.
        finest: Where the decoder ends: `full` resolution as published, or `half`, which is several times cheaper.
        patches: n, blocks along each axis; published: 2, so 8 patches.
        stitcher: What mends the seams between the patches; `null` or `concat`: nothing. Left out where `patches` is 1.
        resolution: Where the field is integrated, or with `steps: 0` given: `half` makes it smoother.
        steps: T of the integration; published: 0, none.
        method: How the velocity is integrated.
        bidirectional: Give `inverse` in training too, as published; with `steps: 0` it is predicted, and there is none
            otherwise.
        conditioning: How lambda is taken: `none` (as published), `film` or `cin`.
        remat: Recompute the blocks in the backward pass: less memory, more time.

    Reference: Liu et al. 2022, section 3, arXiv:2203.05684.
    """

    def __init__(
        self,
        *,
        encoder_filters: Filters = (16, 32, 32, 32),
        decoder_filters: Filters = (32, 32, 32, 32, 32, 16, 16),
        finest: Literal["full", "half"] = "full",
        patches: Annotated[int, Field(ge=1)] = 2,
        stitcher: Stitcher | None = "swin",
        resolution: Literal["full", "half"] = "full",
        steps: Annotated[int, Field(ge=0)] = 0,
        method: Literal["scaling_squaring", "euler"] = "scaling_squaring",
        bidirectional: bool = True,
        conditioning: Literal["none", "film", "cin"] = "none",
        remat: bool = False,
    ) -> None:
        blocks = {"block": "cin" if conditioning == "cin" else "conv", "initializer": "he", "remat": remat}
        encoder, decoder = voxelmorph_unet(encoder_filters, decoder_filters, finest, **blocks)
        super().__init__(
            encoder=encoder,
            decoder=decoder,
            patches=patches,
            stitcher=Swin() if stitcher == "swin" else stitcher,  # the default, as a configuration would say it
            resolution=resolution,
            steps=steps,
            method=method,
            bidirectional=bidirectional,
            conditioning=conditioning,
        )
        self.encoder_filters = list(encoder_filters)
        self.decoder_filters = list(decoder_filters)
        self.finest = finest
        self.remat = remat
