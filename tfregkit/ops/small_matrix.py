"""Determinant and inverse of 2x2 and 3x3 matrices by cofactors: pure products, so a singular matrix raises nothing."""

from __future__ import annotations

from typing import Any

from keras import ops


def determinant(matrix: Any) -> Any:
    """The determinants of matrices `(..., N, N)`, N 2 or 3: `(...)`."""
    matrix = ops.convert_to_tensor(matrix)
    cofactors = _cofactors(matrix)
    return ops.sum(matrix[..., 0, :] * cofactors[..., 0, :], axis=-1)


def inverse(matrix: Any) -> Any:
    """The inverses of matrices `(..., N, N)`, N 2 or 3; not finite where there is none."""
    matrix = ops.convert_to_tensor(matrix)
    cofactors = _cofactors(matrix)
    scale = ops.sum(matrix[..., 0, :] * cofactors[..., 0, :], axis=-1)
    return ops.swapaxes(cofactors, -1, -2) / scale[..., None, None]


def _cofactors(matrix: Any) -> Any:
    """`(..., N, N)`: the signed minor of each entry."""
    size = matrix.shape[-1]
    if size not in (2, 3) or matrix.shape[-2] != size:
        raise ValueError(f"`matrix` must have shape (..., 2, 2) or (..., 3, 3). Received: shape {tuple(matrix.shape)}")
    if size == 2:
        (a, b), (c, d) = ([matrix[..., i, j] for j in range(2)] for i in range(2))
        return ops.stack([ops.stack([d, -c], axis=-1), ops.stack([-b, a], axis=-1)], axis=-2)
    a, b, c = (matrix[..., i, :] for i in range(3))
    pairs = ((b, c), (c, a), (a, b))
    return ops.stack([ops.cross(one, other, axis=-1) for one, other in pairs], axis=-2)  # torch guesses the axis else
