"""Structural similarity from Wang et al. 2004, eq. 13, in float64 with SciPy."""

import numpy as np
from scipy import ndimage


def weighted_mean(image, window, sigma):
    """The Gaussian mean over the part of the window inside the image `(X, Y[, Z])`; `window` for each axis."""

    def summed(values):
        for axis, side in enumerate(window):
            offsets = np.arange(side) - side // 2
            weights = np.exp(-(offsets**2) / (2 * sigma**2))
            values = ndimage.correlate1d(values, weights, axis=axis, mode="constant")
        return values

    return summed(image.astype(np.float64)) / summed(np.ones(image.shape))


def structural_similarity(fixed, moved, window, sigma=1.5, data_range=1.0):
    """The map of similarities of two images `(X, Y[, Z])`."""
    f, m = fixed.astype(np.float64), moved.astype(np.float64)
    mu_f, mu_m = weighted_mean(f, window, sigma), weighted_mean(m, window, sigma)
    var_f, var_m = weighted_mean(f**2, window, sigma) - mu_f**2, weighted_mean(m**2, window, sigma) - mu_m**2
    cov = weighted_mean(f * m, window, sigma) - mu_f * mu_m
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return (2 * mu_f * mu_m + c1) * (2 * cov + c2) / ((mu_f**2 + mu_m**2 + c1) * (var_f + var_m + c2))
