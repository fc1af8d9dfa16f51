"""Feature-wise linear modulation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfregkit")
class FiLM(keras.layers.Layer):
    """Scales and shifts every channel by an embedding `e`: `h <- (1 + gamma) h + beta`, `[gamma, beta] = W e + b`.

    The identity where the projection is zero. Reference: Perez et al. 2018, "FiLM"; the placement of Dey et al. 2022,
    "ContraReg": after the convolution and its normalisation, before the activation.

    Args:
        weight_decay: L2 penalty on the projection's kernel and bias.
        kernel_initializer: Of the projection.

    Call arguments:
        inputs: `[features, embedding]`: `(B, X, Y[, Z], C)` and `(B, E)`.

    Returns:
        The shape of `features`.
    """

    def __init__(self, weight_decay: float = 1e-5, kernel_initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight_decay = weight_decay
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        features, embedding = input_shape
        penalty = keras.regularizers.L2(self.weight_decay) if self.weight_decay else None
        self.projection = keras.layers.Dense(
            2 * features[-1],
            kernel_initializer=self.kernel_initializer,
            kernel_regularizer=penalty,
            bias_regularizer=penalty,
            dtype=self.dtype_policy,
            name="projection",
        )
        self.projection.build(embedding)
        super().build(input_shape)

    def call(self, inputs: list[Any]) -> Any:
        features, embedding = inputs
        modulation = self.projection(embedding)
        ones = [1] * (len(features.shape) - 2)
        modulation = ops.reshape(modulation, (-1, *ones, 2 * features.shape[-1]))
        gamma, beta = ops.split(modulation, 2, axis=-1)
        return (1 + gamma) * features + beta

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "weight_decay": self.weight_decay, "kernel_initializer": initializer}
