"""The layer that moves a field to another grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfregkit.layers.float32_layer import Float32Layer
from tfregkit.ops import resize_field
from tfregkit.ops.shapes import check_field, spatial_shape


@keras.saving.register_keras_serializable(package="tfregkit")
class ResizeField(Float32Layer):
    """Resamples a field with aligned corners and scales its components. See `tfregkit.ops.resize_field`.

    Args:
        shape: The new spatial sizes. Give it or `factor`.
        factor: New size over old size, rounded to whole voxels.

    Call arguments:
        field: `(B, X, Y[, Z], N)` in voxels of its grid.

    Returns:
        `(B, *new, N)` in voxels of the new grid.

    Raises:
        ValueError: If both or neither of `shape` and `factor` are given.
    """

    def __init__(self, shape: Sequence[int] | None = None, factor: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if (shape is None) == (factor is None):
            raise ValueError(f"give exactly one of `shape` and `factor`. Received: shape={shape}, factor={factor}")
        if factor is not None and factor <= 0:
            raise ValueError(f"`factor` must be positive. Received: factor={factor}")
        self.shape = None if shape is None else tuple(shape)
        self.factor = factor

    def call(self, field: Any) -> Any:
        check_field(field)
        return resize_field(field, [self._new(size, axis) for axis, size in enumerate(spatial_shape(field))])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        new = [None if size is None else self._new(size, axis) for axis, size in enumerate(input_shape[1:-1])]
        return (input_shape[0], *new, input_shape[-1])

    def _new(self, size: Any, axis: int) -> Any:
        """The new size of an axis; halves go up."""
        if self.shape is not None:
            return self.shape[axis]
        if isinstance(size, int):
            return max(1, int(size * self.factor + 0.5))
        scaled = keras.ops.cast(size, "float32") * self.factor + 0.5
        return keras.ops.maximum(1, keras.ops.cast(keras.ops.floor(scaled), "int32"))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shape": self.shape, "factor": self.factor}
