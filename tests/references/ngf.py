"""Normalised gradient fields from their definition: float64, one image at a time."""

import numpy as np


def gradient(image, spacing=None):
    """`(..., N)`: central differences of `image` `(X, Y[, Z])`, continued by its border."""
    padded = np.pad(image.astype(np.float64), 1, mode="edge")
    inner = [slice(1, -1)] * image.ndim
    found = []
    for axis in range(image.ndim):
        ahead, behind = list(inner), list(inner)
        ahead[axis], behind[axis] = slice(2, None), slice(None, -2)
        step = 2 * (1 if spacing is None else spacing[axis])
        found.append((padded[tuple(ahead)] - padded[tuple(behind)]) / step)
    return np.stack(found, -1)


def edge(image, spacing=None):
    """The automatic epsilon."""
    return np.abs(gradient(image, spacing)).sum(-1).mean()


def ngf(fixed, moved, form="distance", epsilon="auto", spacing=None):
    """The map of losses of two images `(X, Y[, Z])`; `epsilon` is `auto`, a number, or one for each image."""
    if epsilon == "auto":
        epsilon = edge(fixed, spacing), edge(moved, spacing)
    e, h = epsilon if isinstance(epsilon, tuple) else (epsilon, epsilon)
    a, b = gradient(fixed, spacing), gradient(moved, spacing)
    product, below = (a * b).sum(-1), ((a * a).sum(-1) + e**2) * ((b * b).sum(-1) + h**2)
    return 1 - (product + e * h) ** 2 / below if form == "distance" else -0.5 * product**2 / below
