"""What the operations check about their inputs, in one place."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def spatial_rank(tensor: Any, name: str) -> int:
    """The number of spatial axes of a `(B, X, Y[, Z], C)` tensor.

    Raises:
        ValueError: If the tensor is not 4-D or 5-D.
    """
    rank = len(tensor.shape) - 2
    if rank not in (2, 3):
        raise ValueError(f"`{name}` must have shape (B, X, Y[, Z], C). Received: shape {tuple(tensor.shape)}")
    return rank


def check_field(field: Any, name: str = "field") -> int:
    """The number of spatial axes of a `(B, X, Y[, Z], N)` field.

    Raises:
        ValueError: If the last axis does not hold one component per spatial axis.
    """
    rank = spatial_rank(field, name)
    if field.shape[-1] != rank:
        raise ValueError(
            f"`{name}` must have {rank} components on its last axis, one per spatial axis. "
            f"Received: shape {tuple(field.shape)}"
        )
    return rank


def spatial_shape(tensor: Any) -> tuple[Any, ...]:
    """Sizes of the spatial axes; scalar tensors where a size is known only at run time."""
    return tuple(ops.shape(tensor))[1:-1]


def at_least_float32(tensor: Any) -> Any:
    """A tensor in float32, or as it is when it is float64: coordinates do not fit into half precision."""
    tensor = ops.convert_to_tensor(tensor)
    if keras.backend.standardize_dtype(tensor.dtype) in ("float32", "float64"):
        return tensor
    return ops.cast(tensor, "float32")
