"""A registration network with a stationary velocity field."""

from __future__ import annotations

from typing import Annotated, Literal

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Decoder, Encoder, Network
from tfregkit.layers import VecInt
from tfregkit.layers.conv_block import convolution
from tfregkit.ops.resize import resize_field


class SVF(Network):
    """Any encoder and decoder, a convolution to a velocity field, and its integral over unit time.

    `v = conv(decoder(encoder([moving, fixed])))`, `displacement = exp(v) - id`, `inverse = exp(-v) - id`

    Conditioning `film`: a shared embedding of lambda, four layers of 128 ReLU units, reaches every block of encoder and
    decoder by FiLM. `cin`: every block gets lambda itself and has its own map of it. The convolution to the velocity is
    not conditioned.

    Args:
        encoder: Images to a pyramid of features.
        decoder: Pyramid to the features of which the velocity is made. One that ends at half resolution saves most of the
            arithmetic where the velocity is integrated at half resolution anyway.
        resolution: Where the velocity is integrated: `full` or `half`; it is resized before, unless the decoder ends there,
            and the displacement is resized back.
        steps: T of the integration; 0 makes the velocity the displacement, without an inverse.
        method: `scaling_squaring` (2^T sub-steps) or `euler` (T sub-steps).
        bidirectional: Give `inverse` in training too, for objectives that look at both directions. At inference it is
            always given.
        conditioning: How lambda is taken: `none` (not at all), `film`, or `cin` (with `block: cin` in encoder and
            decoder).

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
    ) -> None:
        super().__init__()
        if bidirectional and steps == 0:
            raise ValueError("`bidirectional` needs an integrated velocity: set `steps` above 0. Received: steps=0")
        for part in (encoder, decoder):
            block = getattr(part, "block", None)
            if (conditioning == "film" and block == "cin") or (conditioning == "cin" and block == "conv"):
                raise ValueError(
                    "`conditioning: cin` goes with `block: cin` in encoder and decoder, `film` with `block: conv`. "
                    f"Received: conditioning={conditioning}, block={block} in {type(part).__name__}"
                )
        self.encoder = encoder
        self.decoder = decoder
        self.resolution = resolution
        self.steps = steps
        self.method = method
        self.bidirectional = bidirectional
        self.conditioning = conditioning
        self.integrate = VecInt(steps=steps, method=method)

    @property
    def stride(self) -> int:
        return self.encoder.stride

    @property
    def conditioned(self) -> bool:
        return self.conditioning != "none"

    def build(self, inputs_shape):
        moving, fixed = inputs_shape["moving"], inputs_shape["fixed"]
        self._check(moving)
        rank = len(moving) - 2
        self.velocity_head = convolution(
            rank, rank, kernel_initializer=keras.initializers.RandomNormal(stddev=1e-5), name="velocity"
        )
        images = keras.KerasTensor((*moving[:-1], moving[-1] + fixed[-1]))
        embedding = None
        self.embedding = []
        if self.conditioning == "film":
            self.embedding = [keras.layers.Dense(128, activation="relu") for _ in range(4)]
        if self.conditioned:
            embedding = self._embed(keras.KerasTensor((moving[0], 1)))
        features = self.decoder(self.encoder(images, embedding=embedding), embedding=embedding)
        self.velocity_head.build(features.shape)

    def call(self, inputs, training=None):
        moving, fixed = inputs["moving"], inputs["fixed"]
        self._check(moving.shape)
        embedding = self._embed(inputs["lam"]) if self.conditioned else None
        pyramid = self.encoder(ops.concatenate([moving, fixed], axis=-1), embedding=embedding, training=training)
        features = self.decoder(pyramid, embedding=embedding, training=training)
        velocity = ops.cast(self.velocity_head(features), "float32")  # (B, x, y[, z], N)
        shape = ops.shape(moving)[1:-1]
        velocity = resize_field(velocity, [size // 2 for size in shape] if self.resolution == "half" else shape)
        outputs = {"velocity": velocity, "displacement": self._integrated(velocity, shape)}
        if self.steps > 0 and (self.bidirectional or not training):
            outputs["inverse"] = self._integrated(-velocity, shape)
        return outputs

    def _embed(self, lam):
        for layer in self.embedding:
            lam = layer(lam)
        return lam

    def _integrated(self, velocity, shape):
        return resize_field(self.integrate(velocity), shape)

    def _check(self, shape) -> None:
        sizes = tuple(shape[1:-1])
        if any(size is not None and (size < self.stride or size % self.stride) for size in sizes):
            raise ConfigError(
                f"The network halves the images down to 1/{self.stride}, so every size of the working grid must be a "
                f"multiple of {self.stride}. Received: {sizes}. Change the grid, or use fewer levels."
            )
