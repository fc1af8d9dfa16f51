"""MIND and MIND-SSC from their definitions: float64, one pair of points at a time, patches by SciPy."""

import itertools

import numpy as np
from scipy.ndimage import uniform_filter


def pairs(rank, distance, points):
    """The pairs of points whose patches are compared, as offsets from the voxel."""
    around = [np.eye(rank, dtype=int)[i] * sign * distance for i in range(rank) for sign in (1, -1)]
    if points == "star":
        return [(np.zeros(rank, int), point) for point in around]
    return [(p, q) for p, q in itertools.combinations(around, 2) if ((p - q) ** 2).sum() == 2 * distance**2]


def patch_distances(image, distance, patch, points):
    """`(..., K)`: mean squared differences of patches of `image` `(X, Y[, Z])`, continued by its border."""
    margin = distance + patch // 2
    padded = np.pad(image.astype(np.float64), margin, mode="edge")
    found = []
    for p, q in pairs(image.ndim, distance, points):
        a, b = (np.roll(padded, tuple(-offset), tuple(range(image.ndim))) for offset in (p, q))
        mean = uniform_filter((a - b) ** 2, patch, mode="constant")
        found.append(mean[tuple(slice(margin, -margin) for _ in range(image.ndim))])
    return np.stack(found, -1)


def excess(image, distance, patch, points):
    """`m_k`: the distances, for `shell` above the least of them."""
    distances = patch_distances(image, distance, patch, points)
    return distances - distances.min(-1, keepdims=True) if points == "shell" else distances


def limits(image, distance, patch, points):
    """Between which `V` must lie."""
    mean = excess(image, distance, patch, points).mean()
    return 1e-3 * mean, 1e3 * mean


def descriptor(image, distance=2, patch=3, points="star", variance=None, within=None):
    """`(..., K)` of an image `(X, Y[, Z])`; `within` are limits of `V` to use instead of the image's own."""
    m = excess(image, distance, patch, points)
    if variance is None:
        variance = np.clip(m.mean(-1, keepdims=True), *(within or limits(image, distance, patch, points)))
    return np.exp(-m / variance)
