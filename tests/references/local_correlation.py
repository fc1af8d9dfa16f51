"""Local correlation from its definition: float64, one voxel at a time."""

import itertools

import numpy as np


def windows(image, window):
    """Yield `(index, values)`: the `window^N` values around each voxel of `image` `(X, Y[, Z])`, zero outside."""
    half = window // 2
    padded = np.pad(image.astype(np.float64), half)
    for index in itertools.product(*(range(size) for size in image.shape)):
        yield index, padded[tuple(slice(i, i + window) for i in index)].ravel()


def local_correlation(fixed, moved, window, form="square", epsilon=1e-5, mode="clamp"):
    """The map of correlations of two images `(X, Y[, Z])`, by the three rules of `tfregkit`'s `ncc`."""
    fixed, moved = fixed.astype(np.float64), moved.astype(np.float64)
    if mode == "clamp":
        fixed, moved = ((image - image.mean()) / image.std() for image in (fixed, moved))
    result = np.zeros(fixed.shape)
    for (index, a), (_, b) in zip(windows(fixed, window), windows(moved, window), strict=True):
        da, db = a - a.mean(), b - b.mean()
        cross, p, q = da @ db, da @ da, db @ db
        if mode == "clamp":
            n = a.size
            cross, below = cross / n, max(p / n, epsilon) * max(q / n, epsilon)
        elif mode == "legacy":
            below = p * q + epsilon
        else:
            cross, below = max(cross, epsilon), max(p, epsilon) * max(q, epsilon)
        result[index] = cross**2 / below if form == "square" else cross / np.sqrt(below)
    return result
