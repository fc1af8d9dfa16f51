"""The VoxelMorph preset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tfregkit_plugins.networks.svf import SVF
from tfregkit_plugins.networks.voxelmorph_unet import voxelmorph_unet

Filters = Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)]


class VoxelMorph(SVF):
    """VoxelMorph's U-Net and stationary velocity field: 327,331 parameters in 3-D as published.

    Args:
        encoder_filters: Channels of the encoder, level by level from full resolution down.
        decoder_filters: Channels of the decoder: one at the bottom, one per level on the way up, the rest at the finest
            resolution after the last level.
        finest: Where the decoder ends: `full` resolution as published, or `half`, with one level less on the way up:
            about a quarter of the arithmetic, and no loss of resolution where the velocity is integrated at `half`.
        resolution: Where the velocity is integrated; published: `half`.
        steps: Squarings of the integration; published: 7.
        method: How the velocity is integrated.
        bidirectional: Give `inverse` in training too.
        conditioning: How lambda is taken: `none` (not at all), `film` (FiLM in every block, one embedding), or `cin`
            (conditional instance normalisation before every convolution but the first, each with its own map).
        probabilistic: Predict mean and log variance of the velocity, as the diffeomorphic VoxelMorph does; for `kl`.
        normalization: After each convolution; published: `none`.
        remat: Recompute the blocks in the backward pass: less memory, more time.

    Reference: Balakrishnan et al. 2019, doi:10.1109/TMI.2019.2897538; Dalca et al. 2019,
    doi:10.1016/j.media.2019.07.006.
    """

    def __init__(
        self,
        *,
        encoder_filters: Filters = (16, 32, 32, 32),
        decoder_filters: Filters = (32, 32, 32, 32, 32, 16, 16),
        finest: Literal["full", "half"] = "full",
        resolution: Literal["full", "half"] = "half",
        steps: Annotated[int, Field(ge=0)] = 7,
        method: Literal["scaling_squaring", "euler"] = "scaling_squaring",
        bidirectional: bool = False,
        conditioning: Literal["none", "film", "cin"] = "none",
        probabilistic: bool = False,
        normalization: Literal["none", "instance"] = "none",
        remat: bool = False,
    ) -> None:
        block = "cin" if conditioning == "cin" else "conv"
        encoder, decoder = voxelmorph_unet(
            encoder_filters, decoder_filters, finest, block=block, normalization=normalization, remat=remat
        )
        super().__init__(
            encoder=encoder,
            decoder=decoder,
            resolution=resolution,
            steps=steps,
            method=method,
            bidirectional=bidirectional,
            conditioning=conditioning,
            probabilistic=probabilistic,
        )
        self.encoder_filters = list(encoder_filters)
        self.decoder_filters = list(decoder_filters)
        self.finest = finest
        self.normalization = normalization
        self.remat = remat
