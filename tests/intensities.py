"""Pairs of images for the similarities that compare intensities, and a way to call these."""

import numpy as np
from keras import ops

import tfregkit


def similarity(name):
    """A function `(fixed, moved, mask=None, noise=None, **parameters)`: how alike the images are, `(B,)`."""

    def value(fixed, moved, mask=None, noise=None, **parameters):
        term = tfregkit.build("similarity", name, **parameters)
        return -ops.convert_to_numpy(term(fixed, moved, mask=mask, noise=noise))

    return value


def images(shape=(2, 7, 11, 13, 1), seed=5):
    """Two images that have to do with each other, some of their values outside [0, 1]."""
    fixed, noise = np.random.default_rng(seed).normal(size=(2, *shape))
    fixed, noise = 0.5 + 0.3 * fixed, 0.1 * noise
    return fixed.astype(np.float32), (0.9 - 0.8 * fixed**2 + noise).astype(np.float32)


def uniform(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)
