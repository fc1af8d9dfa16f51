"""The layer that warps images."""

from __future__ import annotations

from typing import Any, Literal

import keras

from tfregkit.layers.float32_layer import Float32Layer
from tfregkit.ops import affine_to_displacement, warp
from tfregkit.ops.shapes import spatial_rank, spatial_shape


@keras.saving.register_keras_serializable(package="tfregkit")
class SpatialTransformer(Float32Layer):
    """Pulls an image back through a displacement or an affine: `moved(p) = image(p + u(p))`. See `tfregkit.ops.warp`.

    Args:
        interpolation: `linear` or `nearest`.
        fill: `edge`, or the value outside the image.
        image_gradient: Whether a gradient flows to the image; False saves time when the image is data.
        centre: Whether an affine acts about the centre of the image, or about the voxel of index zero.

    Call arguments:
        inputs: `[image, transform]`: `(B, X, Y[, Z], C)` and either a field `(B, X', Y'[, Z'], N)` in voxels of
            the image or an affine `(B, N, N + 1)` or `(B, N + 1, N + 1)` in voxels.

    Returns:
        `(B, X', Y'[, Z'], C)`; an affine gives the image's own grid.
    """

    def __init__(
        self,
        interpolation: Literal["linear", "nearest"] = "linear",
        fill: Literal["edge"] | float = "edge",
        image_gradient: bool = True,
        centre: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.interpolation = interpolation
        self.fill = fill
        self.image_gradient = image_gradient
        self.centre = centre

    def call(self, inputs: list[Any]) -> Any:
        image, transform = inputs
        if len(transform.shape) == 3:
            spatial_rank(image, "image")
            transform = affine_to_displacement(transform, spatial_shape(image), self.centre)
        return warp(image, transform, self.interpolation, self.fill, self.image_gradient)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        image, transform = input_shape
        return tuple(image) if len(transform) == 3 else (*transform[:-1], image[-1])

    def get_config(self) -> dict[str, Any]:
        own = {"interpolation": self.interpolation, "fill": self.fill}
        return {**super().get_config(), **own, "image_gradient": self.image_gradient, "centre": self.centre}
