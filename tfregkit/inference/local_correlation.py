"""How much two images look alike around each voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter


def squared_correlation(first: np.ndarray, second: np.ndarray, window: int | Sequence[int]) -> np.ndarray:
    """`cov(A, B)^2 / (var A * var B)` in the window around each voxel; 0 where either image is constant there.

    Offset, gain and a turned contrast do not matter. An image counts as constant where its variance is below 1e-5 of
    the whole image's.

    Args:
        first: `(X, Y, Z)`.
        second: The same shape.
        window: Side in voxels, odd, one for all axes or one for each. Beyond the border lies each image's mean.

    Returns:
        `(X, Y, Z)` float32 in [0, 1].
    """

    def mean(image: np.ndarray) -> np.ndarray:
        return uniform_filter(image, window, mode="constant")

    first, second = (
        np.asarray(a, np.float32) - np.mean(a, dtype=np.float64).astype(np.float32) for a in (first, second)
    )
    mean_first, mean_second = mean(first), mean(second)
    covariance = mean(first * second) - mean_first * mean_second
    var_first, var_second = mean(first * first) - mean_first**2, mean(second * second) - mean_second**2
    floor_first, floor_second = 1e-5 * first.var() + 1e-30, 1e-5 * second.var() + 1e-30
    known = (var_first > floor_first) & (var_second > floor_second)
    product = (covariance / np.maximum(var_first, floor_first)) * (covariance / np.maximum(var_second, floor_second))
    return np.where(known, np.minimum(product, np.float32(1.0)), np.float32(0.0))
