"""The layer that composes displacements."""

from __future__ import annotations

from typing import Any

import keras

from tfregkit.layers.float32_layer import Float32Layer
from tfregkit.ops import compose


@keras.saving.register_keras_serializable(package="tfregkit")
class ComposeFields(Float32Layer):
    """One field for several applied in order: `warp(warp(image, u1), u2) = warp(image, compose(u1, u2))`.

    Call arguments:
        fields: List of `(B, X, Y[, Z], N)` displacements in voxels, the one applied to the image first first.

    Returns:
        `(B, X, Y[, Z], N)` on the last field's grid.
    """

    def call(self, fields: list[Any]) -> Any:
        return compose(*fields)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return tuple(input_shape[-1])
