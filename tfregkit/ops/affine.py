"""Affine transforms: as dense displacements, inverted, before a displacement, on another grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfregkit.ops.grid import identity_grid
from tfregkit.ops.resize import axis_ratios
from tfregkit.ops.shapes import at_least_float32, check_field, spatial_shape
from tfregkit.ops.small_matrix import inverse


def affine_to_displacement(matrix: Any, shape: Sequence[Any], centre: bool = True) -> Any:
    """The displacement of an affine transform on a grid: `u(x) = A (x - c) + b - (x - c)`.

    Args:
        matrix: `(B, N, N + 1)` or `(B, N + 1, N + 1)`, `[A | b]` in voxels; a last row is not looked at.
        shape: The N spatial sizes of the grid.
        centre: Whether `c` is the centre of the grid, `(d - 1) / 2`, or the voxel of index zero.

    Returns:
        `(B, X, Y[, Z], N)` in voxels.

    Raises:
        ValueError: If the matrix has another shape.
    """
    rank = len(shape)
    if len(matrix.shape) != 3 or matrix.shape[1] not in (rank, rank + 1) or matrix.shape[2] != rank + 1:
        raise ValueError(
            f"an affine for {rank} spatial axes must have shape (B, {rank}, {rank + 1}) or "
            f"(B, {rank + 1}, {rank + 1}). Received: shape {tuple(matrix.shape)}"
        )
    matrix = at_least_float32(matrix)
    grid = identity_grid(shape, matrix.dtype)
    if centre:
        grid = grid - ops.stack([(ops.cast(size, matrix.dtype) - 1) / 2 for size in shape])
    flat = ops.reshape(grid, (1, -1, rank))
    linear = matrix[:, :rank, :rank] - ops.eye(rank, dtype=matrix.dtype)
    moved = ops.matmul(flat, ops.transpose(linear, (0, 2, 1))) + matrix[:, None, :rank, rank]
    return ops.reshape(moved, (-1, *shape, rank))


def invert_affine(matrix: Any) -> Any:
    """`[A^-1 | -A^-1 b]` of `[A | b]`, both `(B, N, N + 1)`; not finite where A is singular."""
    matrix = at_least_float32(matrix)
    back = inverse(matrix[..., :-1])
    return ops.concatenate([back, -ops.matmul(back, matrix[..., -1:])], axis=-1)


def compose_affine(matrix: Any, displacement: Any) -> Any:
    """One displacement for an affine applied to the image first and a displacement second; exact, nothing is sampled.

    `u(p) = A (x + d(p)) + b - x` with `x = p - c`, `c` the centre of the grid, so that the point `p` comes from
    `T(p + d(p))` of the affine `T`. That is `compose(affine_to_displacement(matrix, shape), displacement)` without its
    interpolation and without its clipping at the border.

    Args:
        matrix: `(B, N, N + 1)`, `[A | b]` in voxels about the centre of the grid.
        displacement: d, `(B, X, Y[, Z], N)` in voxels.

    Returns:
        `(B, X, Y[, Z], N)`.

    Raises:
        ValueError: If a shape makes no sense.
    """
    rank = check_field(displacement, "displacement")
    displacement, shape = at_least_float32(displacement), spatial_shape(displacement)
    linear = at_least_float32(matrix)[:, :rank, :rank]
    flat = ops.reshape(displacement, (ops.shape(displacement)[0], -1, rank))
    turned = ops.reshape(ops.matmul(flat, ops.transpose(linear, (0, 2, 1))), (-1, *shape, rank))
    return turned + affine_to_displacement(matrix, shape)


def resize_affine(matrix: Any, shape: Sequence[Any], new: Sequence[Any]) -> Any:
    """The same affine of the same points in the voxels of another grid with aligned corners: what `resize_field` is.

    `A_ij -> A_ij r_i / r_j`, `b_i -> b_i r_i`, `r` the ratios of the axes, `(d_new - 1) / (d - 1)`.

    Args:
        matrix: `(B, N, N + 1)`, about the centre of the grid.
        shape: The N sizes of its grid.
        new: Those of the other.

    Returns:
        `(B, N, N + 1)`.
    """
    matrix = at_least_float32(matrix)
    ratios = axis_ratios(shape, new, matrix.dtype)
    columns = ops.concatenate([1 / ratios, ops.ones((1,), dtype=matrix.dtype)])
    return matrix * ratios[:, None] * columns
