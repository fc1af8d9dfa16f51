"""Voxel coordinates of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops


def identity_grid(shape: Sequence[Any], dtype: str = "float32") -> Any:
    """Coordinates of every voxel: `grid[x, y, z] = (x, y, z)`.

    Args:
        shape: Spatial sizes, 2 or 3 of them; each a number or a scalar tensor.
        dtype: Floating type of the result.

    Returns:
        `(X, Y[, Z], N)`, component k along array axis k.
    """
    axes = [ops.cast(ops.arange(size), dtype) for size in shape]
    return ops.stack(ops.meshgrid(*axes, indexing="ij"), axis=-1)
