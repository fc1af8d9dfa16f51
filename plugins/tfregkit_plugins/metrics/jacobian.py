"""Jacobian determinant of a displacement field in NumPy, at the image's own resolution."""

from __future__ import annotations

from typing import Literal

import numpy as np

Scheme = Literal["central", "forward"]
"""`central`: `np.gradient` at every voxel (one-sided at the border). `forward`: differences on the `(d-1)^N` cells.

Along an axis of one voxel the derivative is 0, and there is one cell.
"""


def jacobian_determinant(displacement: np.ndarray, scheme: Scheme = "central") -> np.ndarray:
    """`det(I + du/dx)` of `phi(x) = x + u(x)`; the same in voxels as in mm, for a change of axes cancels.

    displacement: `(X, Y[, Z], N)` in voxels. Returns `(X, Y[, Z])`, or one less per axis for `forward`, float32.
    Central differences do not see a field that alternates from voxel to voxel; forward differences do.
    """
    ndim = displacement.shape[-1]
    columns = [_derivative(displacement, axis, ndim, scheme) for axis in range(ndim)]
    for axis, column in enumerate(columns):
        column[..., axis] += 1.0
    if ndim == 2:
        (a, b), (c, d) = (np.moveaxis(column, -1, 0) for column in columns)
        return a * d - b * c
    first, second, third = columns
    return np.einsum("...i,...i->...", first, np.cross(second, third))


def _derivative(field: np.ndarray, axis: int, ndim: int, scheme: Scheme) -> np.ndarray:
    """Derivative of all components along one axis, float32, as a new array."""
    flat = field.shape[axis] == 1
    if scheme == "central":
        return (np.zeros_like(field) if flat else np.gradient(field, axis=axis)).astype(np.float32)
    cells = tuple(slice(None) if k == axis or field.shape[k] == 1 else slice(None, -1) for k in range(ndim))
    return (np.zeros_like(field) if flat else np.diff(field, axis=axis))[cells].astype(np.float32)


def inside(determinant: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """The determinants within a mask of the image's shape (all of them without one), as a flat array."""
    if mask is None:
        return determinant.ravel()
    cells = tuple(slice(0, size) for size in determinant.shape)
    return determinant[np.asarray(mask)[cells] > 0]
