"""What the registration networks share: from the features of a decoder to displacement, inverse and velocity."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfregkit.api import ConfigError, Decoder, Encoder, Network
from tfregkit.layers import VecInt
from tfregkit.layers.conv_block import convolution
from tfregkit.ops.blocks import check_divisible
from tfregkit.ops.normal_noise import drawn
from tfregkit.ops.resize import resize_field


class FieldNetwork(Network):
    """Base of networks made of an encoder, a decoder, and a convolution to a field.

    A subclass implements `_decoded` and, if the field of the convolution is not yet that of the whole images,
    `_assembled` and `_stitched`.

    The field is a velocity that is integrated, or with `steps: 0` the displacement itself; a `bidirectional` network
    without integration predicts the inverse as a second field. With `probabilistic` there is a second convolution, to
    the log variance, and with `noise` among the inputs, as in training, the field is `mean + exp(log_variance / 2)
    eps`, `eps` standard normal. These convolutions are float32 under any policy: half precision is too coarse for a
    field of some voxels.

    Conditioning `film`: a shared embedding of lambda, four layers of 128 ReLU units, reaches every block of encoder and
    decoder by FiLM. `cin`: every block gets lambda itself and has its own map of it. The convolutions to the field are
    not conditioned.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        decoder: Decoder,
        resolution: str,
        steps: int,
        method: str,
        bidirectional: bool,
        conditioning: str,
        probabilistic: bool,
    ) -> None:
        super().__init__()
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
        self.probabilistic = probabilistic
        self.integrate = VecInt(steps=steps, method=method)

    @property
    def stride(self) -> int:
        return self.encoder.stride

    @property
    def conditioned(self) -> bool:
        return self.conditioning != "none"

    @property
    def needs(self) -> tuple[str, ...]:
        return ("noise",) if self.probabilistic else ()

    @property
    def _predicts_inverse(self) -> bool:
        return self.bidirectional and self.steps == 0

    def build(self, inputs_shape):
        self._check(inputs_shape["moving"])
        rank = len(inputs_shape["moving"]) - 2
        components = 2 * rank if self._predicts_inverse else rank
        options = {"dtype": "float32", "kernel_initializer": keras.initializers.RandomNormal(stddev=1e-5)}
        self.velocity_head = convolution(rank, components, name="velocity", **options)
        if self.probabilistic:
            options["kernel_initializer"] = keras.initializers.RandomNormal(stddev=1e-10)
            options["bias_initializer"] = keras.initializers.Constant(-10.0)
            self.log_variance_head = convolution(rank, components, name="log_variance", **options)
        self.embedding = []
        if self.conditioning == "film":
            self.embedding = [keras.layers.Dense(128, activation="relu", dtype=self.dtype_policy) for _ in range(4)]
        known = {name: keras.KerasTensor(shape) for name, shape in inputs_shape.items() if not name.startswith("noise")}
        self._field(known, False)

    def call(self, inputs, training=None):
        self._check(inputs["moving"].shape)
        field, known = self._field(inputs, training)
        return {**self._fields(field, ops.shape(inputs["moving"])[1:-1], training), **known}

    def _field(self, inputs, training):
        """The field of the whole images `(B, x, y[, z], M)` float32, and what else is to be given, by name."""
        features, known = self._decoded(inputs, self._embedded(inputs), training)
        field = self._assembled(self.velocity_head(features))
        if self.probabilistic:
            log_variance = self._assembled(self.log_variance_head(features))
            known["posterior"] = ops.concatenate([field, log_variance], axis=-1)
            if training and "noise" not in inputs:
                raise ConfigError(
                    "a probabilistic network draws its fields in training from `noise`, which is missing."
                )
            field = drawn(inputs, field, log_variance)
        return self._stitched(field, training), known

    def _decoded(self, inputs, embedding, training) -> tuple[Any, dict[str, Any]]:
        """The decoder's features, and what else of the network's outputs comes of them, by name."""
        raise NotImplementedError(f"{type(self).__name__} must define `_decoded`")

    def _assembled(self, field):
        """The field of the whole images, of what the convolution gives."""
        return field

    def _stitched(self, field, training):
        """The last change to the field before it is integrated."""
        return field

    def _fields(self, field, shape, training):
        """The fields on the images' grid, whose sizes are `shape`, by name."""
        inner = [size // 2 for size in shape] if self.resolution == "half" else shape
        if self._predicts_inverse:
            both = (self._integrated(resize_field(part, inner), shape) for part in ops.split(field, 2, axis=-1))
            return dict(zip(("displacement", "inverse"), both, strict=True))
        velocity = resize_field(field, inner)
        outputs = {"velocity": velocity, "displacement": self._integrated(velocity, shape)}
        if self.steps > 0 and (self.bidirectional or not training):
            outputs["inverse"] = self._integrated(-velocity, shape)
        return outputs

    def _integrated(self, velocity, shape):
        return resize_field(self.integrate(velocity), shape)

    def _embedded(self, inputs):
        """What conditions the blocks: `(B, E)`, or None."""
        if not self.conditioned:
            return None
        embedding = inputs["lam"]
        for layer in self.embedding:
            embedding = layer(embedding)
        return embedding

    def _check(self, shape) -> None:
        try:
            check_divisible(shape[1:-1], [self.stride] * (len(shape) - 2), "registered by this network")
        except ValueError as error:
            raise ConfigError(f"{error}. Change the grid (`data.grid`), or use fewer levels or patches.") from error
