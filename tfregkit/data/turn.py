"""Axes of arrays exchanged and flipped until they run along R, A, S as closely as they can; nothing is resampled."""

from __future__ import annotations

import numpy as np
from nibabel.orientations import io_orientation

from tfregkit.data.grid import Grid


def closest_axes(grid: Grid) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each of R, A, S: the array axis that runs along it most closely, and whether it runs up (1) or down (-1)."""
    orientation = io_orientation(grid.affine)  # row i: the world axis of array axis i, and its sign
    axes = tuple(int(np.flatnonzero(orientation[:, 0] == world)[0]) for world in range(3))
    return axes, tuple(int(orientation[axis, 1]) for axis in axes)


def turned(data: np.ndarray, grid: Grid) -> np.ndarray:
    """An image on a grid as a view whose axes run along R, A, S."""
    axes, signs = closest_axes(grid)
    return data.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]


def turned_back(data: np.ndarray, grid: Grid) -> np.ndarray:
    """What `turned` undoes."""
    axes, signs = closest_axes(grid)
    return data[tuple(slice(None, None, sign) for sign in signs)].transpose(np.argsort(axes))
