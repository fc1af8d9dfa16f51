"""Likeness of the fixed and the moved image."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from tfregkit.api import Case, Metric


class LocalNCC(Metric):
    """Mean of the squared correlation in a window around each voxel, in [0, 1]; or one correlation of the whole images.

    `cc = cov(F, M)^2 / (var F * var M)` over the window, 0 where either image is constant (background). The window is
    padded with each image's mean. With `window: null`: Pearson's r over all voxels, in [-1, 1].

    Args:
        window: Side of the window in voxels, odd; `null` for the whole image.
    """

    better = "higher"

    def __init__(self, *, window: int | None = 9) -> None:
        if window is not None and (window < 1 or window % 2 == 0):
            raise ValueError(f"`window` must be odd and positive, or null. Received: window={window}")
        self.window = window

    def __call__(self, case: Case) -> dict[str, float]:
        fixed, moved = (
            np.asarray(image, np.float32) - np.mean(image, dtype=np.float64).astype(np.float32)
            for image in (case.fixed, case.moved)
        )
        if self.window is None:
            return {"": _pearson(fixed, moved)}
        return {"": float(np.mean(_local(fixed, moved, self.window)))}


def _pearson(fixed: np.ndarray, moved: np.ndarray) -> float:
    norm = np.sqrt(np.sum(fixed * fixed, dtype=np.float64) * np.sum(moved * moved, dtype=np.float64))
    return float(np.sum(fixed * moved, dtype=np.float64) / norm) if norm > 0 else 0.0


def _local(fixed: np.ndarray, moved: np.ndarray, window: int) -> np.ndarray:
    """Squared local correlation at each voxel."""

    def mean(image: np.ndarray) -> np.ndarray:
        return uniform_filter(image, window, mode="constant")

    mean_fixed, mean_moved = mean(fixed), mean(moved)
    covariance = mean(fixed * moved) - mean_fixed * mean_moved
    var_fixed = mean(fixed * fixed) - mean_fixed**2
    var_moved = mean(moved * moved) - mean_moved**2
    floor_fixed, floor_moved = 1e-5 * fixed.var() + 1e-30, 1e-5 * moved.var() + 1e-30
    known = (var_fixed > floor_fixed) & (var_moved > floor_moved)
    product = np.maximum(var_fixed, floor_fixed) * np.maximum(var_moved, floor_moved)
    return np.where(known, np.minimum(covariance**2 / product, 1.0), 0.0)
