"""The layer that integrates velocities."""

from __future__ import annotations

from typing import Any, Literal

import keras

from tfregkit.layers.float32_layer import Float32Layer
from tfregkit.ops import integrate


@keras.saving.register_keras_serializable(package="tfregkit")
class VecInt(Float32Layer):
    """The displacement of a stationary velocity over unit time. See `tfregkit.ops.integrate`.

    Args:
        steps: Squarings (2^steps sub-steps), or Euler steps.
        method: `scaling_squaring` or `euler`.

    Call arguments:
        velocity: `(B, X, Y[, Z], N)` in voxels per unit of time. Pass `-velocity` for the inverse.

    Returns:
        The displacement `(B, X, Y[, Z], N)` in voxels, float32.
    """

    def __init__(
        self, steps: int = 7, method: Literal["scaling_squaring", "euler"] = "scaling_squaring", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.steps = steps
        self.method = method

    def call(self, velocity: Any) -> Any:
        return integrate(velocity, self.steps, self.method)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps, "method": self.method}
