"""A registration network with a stationary velocity field."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import Decoder, Encoder
from tfregkit_plugins.networks.field_network import FieldNetwork


class SVF(FieldNetwork):
    """Any encoder and decoder, a convolution to a velocity field, and its integral over unit time.

    `v = conv(decoder(encoder([moving, fixed])))`, `displacement = exp(v) - id`, `inverse = exp(-v) - id`

    Conditioning `film`: a shared embedding of lambda, four layers of 128 ReLU units, reaches every block of encoder and
    decoder by FiLM. `cin`: every block gets lambda itself and has its own map of it. The convolution to the velocity is
    not conditioned.

    Args:
        encoder: Images to a pyramid of features.
        decoder: Pyramid to the features of which the velocity is made. One that ends at half resolution saves most of
            the arithmetic where the velocity is integrated at half resolution anyway.
        resolution: Where the velocity is integrated: `full` or `half`; it is resized before, unless the decoder ends
            there, and the displacement is resized back.
        steps: T of the integration; 0 makes the velocity the displacement, without an inverse.
        method: `scaling_squaring` (2^T sub-steps) or `euler` (T sub-steps).
        bidirectional: Give `inverse` in training too, for objectives that look at both directions. At inference it is
            always given.
        conditioning: How lambda is taken: `none` (not at all), `film`, or `cin` (with `block: cin` in encoder and
            decoder).
        probabilistic: Predict mean and log variance of the velocity, give them as `posterior`, and draw the velocity in
            training; the mean is taken at inference.

    Reference: Balakrishnan et al. 2019, doi:10.1109/TMI.2019.2897538; Dalca et al. 2019,
    doi:10.1016/j.media.2019.07.006; FiLM: Dey et al. 2022, doi:10.1007/978-3-031-16446-0_7; CIN: Mok and Chung
    2021, doi:10.1007/978-3-030-87202-1_4.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        decoder: Decoder,
        resolution: Literal["full", "half"] = "half",
        steps: Annotated[int, Field(ge=0)] = 7,
        method: Literal["scaling_squaring", "euler"] = "scaling_squaring",
        bidirectional: bool = False,
        conditioning: Literal["none", "film", "cin"] = "none",
        probabilistic: bool = False,
    ) -> None:
        if bidirectional and steps == 0:
            raise ValueError("`bidirectional` needs an integrated velocity: set `steps` above 0. Received: steps=0")
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

    def _decoded(self, inputs, embedding, training):
        images = ops.concatenate([inputs["moving"], inputs["fixed"]], axis=-1)
        pyramid = self.encoder(images, embedding=embedding, training=training)
        return self.decoder(pyramid, embedding=embedding, training=training), {}
