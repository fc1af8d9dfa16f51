"""Warping and integration in float64 from their definitions, through SciPy's `map_coordinates`."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates


def warp(image: np.ndarray, displacement: np.ndarray, order: int = 1) -> np.ndarray:
    """`image(p + u(p))` for `(B, X, Y[, Z], C)` and `(B, X', Y'[, Z'], N)`, edge replicated."""
    shape = displacement.shape[1:-1]
    # map_coordinates takes coordinates component first, in array order: no reversal to x, y, z.
    grid = np.stack(np.meshgrid(*[np.arange(size) for size in shape], indexing="ij"))
    moved = np.empty((image.shape[0], *shape, image.shape[-1]))
    for b in range(image.shape[0]):
        positions = grid + np.moveaxis(displacement[b].astype(float), -1, 0)
        for c in range(image.shape[-1]):
            channel = image[b, ..., c].astype(float)
            moved[b, ..., c] = map_coordinates(channel, positions, order=order, mode="nearest")
    return moved


def scaling_squaring(velocity: np.ndarray, steps: int) -> np.ndarray:
    """`u = v / 2^steps`, then `steps` times `u <- u + u o (x + u)`."""
    u = velocity.astype(float) / 2**steps
    for _ in range(steps):
        u = u + warp(u, u)
    return u


def linear_velocity(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`v(x) = A (x - c)` about the centre of the grid, `(1, X, Y[, Z], N)`."""
    grid = np.stack(np.meshgrid(*[np.arange(size) - (size - 1) / 2 for size in shape], indexing="ij"), axis=-1)
    return (grid @ matrix.T)[None]
