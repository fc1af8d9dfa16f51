"""Affine transforms as dense displacements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfregkit.ops.grid import identity_grid
from tfregkit.ops.shapes import at_least_float32


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
