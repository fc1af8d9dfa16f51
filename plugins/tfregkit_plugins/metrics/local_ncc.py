"""Likeness of the fixed and the moved image."""

from __future__ import annotations

import numpy as np

from tfregkit.api import Case, Metric, squared_correlation


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
        if self.window is None:
            return {"": _pearson(case.fixed, case.moved)}
        return {"": float(np.mean(squared_correlation(case.fixed, case.moved, self.window)))}


def _pearson(fixed: np.ndarray, moved: np.ndarray) -> float:
    fixed, moved = (np.asarray(a, np.float32) - np.mean(a, dtype=np.float64).astype(np.float32) for a in (fixed, moved))
    norm = np.sqrt(np.sum(fixed * fixed, dtype=np.float64) * np.sum(moved * moved, dtype=np.float64))
    return float(np.sum(fixed * moved, dtype=np.float64) / norm) if norm > 0 else 0.0
