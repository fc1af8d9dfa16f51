"""Smooth random fields, for augmentations and made-up anatomy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def smooth_noise(shape: Sequence[int], scale: float | Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Random numbers that change over `scale` voxels: cubic B-splines with normal coefficients.

    Mean 0 and variance 1 at every voxel (over draws), zero correlation beyond four times the scale.

    Args:
        shape: Spatial sizes, any number of axes.
        scale: Distance of the spline's knots in voxels, one number or one for each axis.
        rng: Where the randomness comes from.

    Returns:
        An array of that shape, float32.
    """
    scales = np.broadcast_to(np.asarray(scale, dtype=np.float64), (len(shape),))
    bases = [_basis(size, step) for size, step in zip(shape, scales, strict=True)]
    knots = [basis.shape[1] for basis in bases]
    values = rng.standard_normal(knots, dtype=np.float32)
    for axis in reversed(range(len(shape))):  # the axes after this one are voxels already
        rows = values.reshape(math.prod(knots[:axis]), knots[axis], -1)
        values = np.einsum("nk,pkq->pnq", bases[axis], rows)  # quicker than matrix products, and on one core
    return values.reshape(shape)


def _basis(size: int, scale: float) -> np.ndarray:
    """`(size, knots)` float32: the weights of the knots at each voxel; the squares of a row sum to 1."""
    places = np.arange(size) / scale
    distance = np.abs(places[:, None] - np.arange(-1, int(np.ceil(places[-1])) + 2)[None])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    weights = np.where(distance < 1, near, far)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
