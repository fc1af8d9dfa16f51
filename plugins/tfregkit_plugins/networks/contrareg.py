"""The ContraReg preset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tfregkit_plugins.networks.voxelmorph import VoxelMorph


class ContraReg(VoxelMorph):
    """ContraReg's network: VoxelMorph's U-Net at constant width, bidirectional, conditioned on lambda by FiLM.

    The paper gives the width (64 and 256) and the steps (5; 10, 16 and 32 tried), not the number of levels nor the
    resolution of the integration: VoxelMorph's five levels and full resolution here.

    Args:
        channels: ch, the width of every convolution.
        finest: Where the decoder ends: `full` resolution, or `half`, which is several times cheaper.
        resolution: Where the velocity is integrated.
        steps: ts; read as squarings, as in the first author's code. `method: euler` reads it as time steps.
        method: How the velocity is integrated.
        bidirectional: Give `inverse` in training too.
        conditioning: How lambda is taken: `film` as published, `none`, or `cin`.
        normalization: After each convolution, before FiLM: `none`, or `instance`, which the first author's code offers.
            Two modalities are learnt in fewer steps with it.
        remat: Recompute the blocks in the backward pass: less memory, more time.

    Reference: Dey et al. 2022, sections 3 and 4, doi:10.1007/978-3-031-16446-0_7.
    """

    def __init__(
        self,
        *,
        channels: Annotated[int, Field(gt=0)] = 64,
        finest: Literal["full", "half"] = "full",
        resolution: Literal["full", "half"] = "full",
        steps: Annotated[int, Field(ge=0)] = 5,
        method: Literal["scaling_squaring", "euler"] = "scaling_squaring",
        bidirectional: bool = True,
        conditioning: Literal["none", "film", "cin"] = "film",
        normalization: Literal["none", "instance"] = "none",
        remat: bool = False,
    ) -> None:
        super().__init__(
            encoder_filters=[channels] * 4,
            decoder_filters=[channels] * 7,
            finest=finest,
            resolution=resolution,
            steps=steps,
            method=method,
            bidirectional=bidirectional,
            conditioning=conditioning,
            normalization=normalization,
            remat=remat,
        )
        self.channels = channels
