"""How far the fixed image is from what another image predicts of it, whatever the two contrasts."""

from __future__ import annotations

import numpy as np

BINS = 32


def residual(fixed: np.ndarray, moved: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """`|fixed - f(image)|` for `moved` and each of `others`; `f` is the mean fixed intensity at a moved intensity.

    `f` is read off the joint histogram of `fixed` and `moved` (32 bins, joined linearly), so images of one contrast
    give their difference, and images of two contrasts (T1 and T2) can be compared all the same. All have one shape.
    """
    low, high = np.percentile(moved, [0.0, 99.9])
    edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
    index = np.clip(np.digitize(moved.ravel(), edges) - 1, 0, BINS - 1)
    count = np.bincount(index, minlength=BINS)
    known = count > 0
    mean = np.bincount(index, fixed.ravel().astype(np.float64), BINS)[known] / count[known]
    place = np.bincount(index, moved.ravel().astype(np.float64), BINS)[known] / count[known]
    return [np.abs(fixed - np.interp(image, place, mean)).astype(np.float32) for image in (moved, *others)]
