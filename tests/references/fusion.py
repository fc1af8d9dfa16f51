"""DenseFuse's l1-norm rule, voxel by voxel in float64, and its convolutions with SciPy."""

import itertools

import numpy as np
from scipy import ndimage


def l1_weights(maps, radius=1):
    """The weights `(n, X, Y[, Z])` of images whose maps are `(X, Y[, Z], F)`; equal where no image has activity."""
    norms = [np.abs(features.astype(np.float64)).sum(-1) for features in maps]
    weights = np.full((len(maps), *norms[0].shape), 1.0 / len(maps))
    for place in itertools.product(*(range(n) for n in norms[0].shape)):
        block = tuple(slice(max(0, p - radius), p + radius + 1) for p in place)
        activity = np.array([norm[block].sum() for norm in norms])
        if activity.sum() > 0:
            weights[(slice(None), *place)] = activity / activity.sum()
    return weights


def convolution(image, kernel, bias):
    """A convolution `(X, Y, C)` by `(3, 3, C, F)` with reflected borders: `(X, Y, F)`."""
    found = np.zeros((*image.shape[:2], kernel.shape[-1]))
    for c, f in itertools.product(range(kernel.shape[2]), range(kernel.shape[3])):
        found[..., f] += ndimage.correlate(image[..., c].astype(np.float64), kernel[..., c, f], mode="mirror")
    return found + bias
