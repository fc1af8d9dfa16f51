"""Local volume change of a displacement."""

from __future__ import annotations

from typing import Any

from tfregkit.ops.shapes import at_least_float32, check_field


def jacobian_determinant(displacement: Any) -> Any:
    """`det(I + grad u)` on the cells between voxels, by forward differences; exact for affine displacements.

    Values at or below zero are folds.

    Args:
        displacement: `(B, X, Y[, Z], N)` in voxels.

    Returns:
        `(B, X - 1, Y - 1[, Z - 1])`.

    Raises:
        ValueError: If the displacement is no field.
    """
    rank = check_field(displacement, "displacement")
    field = at_least_float32(displacement)
    columns = [_forward_difference(field, axis) for axis in range(rank)]
    # m[i][j] = d(x_i + u_i) / d x_j, (B, X - 1, Y - 1[, Z - 1])
    m = [[columns[j][..., i] + (1.0 if i == j else 0.0) for j in range(rank)] for i in range(rank)]
    if rank == 2:
        return m[0][0] * m[1][1] - m[0][1] * m[1][0]
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )


def _forward_difference(field: Any, axis: int) -> Any:
    """`field(x + e_axis) - field(x)` at the first corner of every cell."""
    rank = field.shape[-1]
    first = tuple(slice(None, -1) for _ in range(rank))
    ahead = tuple(slice(1, None) if other == axis else slice(None, -1) for other in range(rank))
    return field[(slice(None), *ahead)] - field[(slice(None), *first)]
