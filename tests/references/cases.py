"""Registered pairs to measure: asymmetric, seeded, on a grid of distinct primes."""

import numpy as np
from scipy.ndimage import gaussian_filter

from tfregkit.api import Case

SHAPE = (11, 13, 17)


def smooth(rng, shape, sigma=2.0, size=1.0):
    """A smooth random image with standard deviation `size`."""
    image = gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    return (size * image / image.std()).astype(np.float32)


def case(seed=3, **changes):
    """A pair with images, labels, a field and points; anything can be replaced."""
    rng = np.random.default_rng(seed)
    content = {
        "pair": "a_to_b",
        "fixed": smooth(rng, SHAPE),
        "moving": smooth(rng, SHAPE),
        "moved": smooth(rng, SHAPE),
        "displacement": np.stack([smooth(rng, SHAPE, 2.0, 0.7) for _ in range(3)], -1),
        "affine": np.diag([2.0, 1.5, 3.0, 1.0]),
        "fixed_labels": rng.integers(0, 5, SHAPE).astype(np.int32),
        "moving_labels": rng.integers(0, 5, SHAPE).astype(np.int32),
        "moved_labels": rng.integers(0, 5, SHAPE).astype(np.int32),
    }
    return Case(**{**content, **changes})
