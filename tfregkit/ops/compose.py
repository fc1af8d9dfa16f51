"""Composition of displacements."""

from __future__ import annotations

from typing import Any

from tfregkit.ops.shapes import at_least_float32, check_field
from tfregkit.ops.warp import warp


def compose(*fields: Any) -> Any:
    """One displacement for several applied in order: `warp(warp(image, u1), u2) = warp(image, compose(u1, u2))`.

    For two, `(x + u)(x) = (x + u1) o (x + u2)`, that is `u(x) = u2(x) + u1(x + u2(x))`, and from the right for more.
    The equality is exact up to interpolation. All gradients flow.

    Args:
        *fields: `(B, X, Y[, Z], N)` each, in voxels.

    Returns:
        `(B, X, Y[, Z], N)` on the last field's grid.

    Raises:
        ValueError: If there is no field, or one has the wrong shape.
    """
    if not fields:
        raise ValueError("`compose` needs at least one field. Received: none")
    for field in fields:
        check_field(field)
    *earlier, total = (at_least_float32(field) for field in fields)
    for field in reversed(earlier):
        total = total + warp(field, total)
    return total
