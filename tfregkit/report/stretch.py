"""Local change of volume, for pictures."""

from __future__ import annotations

import numpy as np


def log2_volume_change(displacement: np.ndarray) -> np.ndarray:
    """`log2 det(I + du/dx)` `(X, Y, Z)` by central differences, cut to [-4, 4]; folds are -4.

    0 where the transformation keeps volume, 1 where it doubles it.
    """
    columns = []
    for axis in range(3):
        column = np.gradient(displacement, axis=axis)
        column[..., axis] += 1.0
        columns.append(column)
    determinant = np.einsum("...i,...i->...", columns[0], np.cross(columns[1], columns[2]))
    return np.log2(np.clip(determinant, 2.0**-4, 2.0**4)).astype(np.float32)
