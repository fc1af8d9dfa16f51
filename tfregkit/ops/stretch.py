"""Linear resizing of what covers the same extent with other numbers of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfregkit.ops.shapes import at_least_float32, spatial_shape


def stretch(cells: Any, shape: Sequence[Any]) -> Any:
    """Linear interpolation between centres of cells: `out(y) = cells((y + 1/2) d / d_new - 1/2)` along each axis.

    The borders of the two grids coincide, not their first and last cells as in `resize_image`; beyond the outermost
    centres the outermost cell is taken. On the grid's own shape it is the identity, one new cell is in the middle.

    Args:
        cells: `(B, X, Y[, Z], C)`, of few cells: a matrix of all by all new ones is made for each axis.
        shape: The new spatial sizes, one per spatial axis.

    Returns:
        `(B, *shape, C)`, float32 at least.
    """
    cells = at_least_float32(cells)
    for axis, (size, new) in enumerate(zip(spatial_shape(cells), shape, strict=True), start=1):
        if isinstance(size, int) and isinstance(new, int) and size == new:
            continue
        number, count = (ops.cast(value, cells.dtype) for value in (size, new))
        places = (ops.cast(ops.arange(new), cells.dtype) + 0.5) * (number / count) - 0.5
        places = ops.clip(places, 0, number - 1)
        distance = ops.abs(places[:, None] - ops.cast(ops.arange(size), cells.dtype))
        weights = ops.maximum(1 - distance, 0)  # (new, old): rows sum to 1
        cells = ops.moveaxis(ops.tensordot(weights, cells, axes=[[1], [axis]]), 0, axis)
    return cells
