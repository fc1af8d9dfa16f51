"""Means over Gaussian windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from tfregkit.ops.shapes import spatial_rank


def gaussian_mean(x: Any, window: int | Sequence[int], sigma: float) -> Any:
    """The mean over a window around each voxel, weighted by a Gaussian; of the part of it that is inside the image.

    `mean(p) = sum_d w(d) x(p + d) / sum_d w(d)`, `w(d) = exp(-|d|^2 / (2 sigma^2))`, over the `p + d` that are inside.

    Args:
        x: `(B, X, Y[, Z], C)`.
        window: Odd edge length in voxels, one number or one for each axis.
        sigma: Of the Gaussian, in voxels.

    Returns:
        The shape of `x`.

    Raises:
        ValueError: If there is neither one edge length nor one for each axis.
    """
    rank = spatial_rank(x, "x")
    sizes = [window] * rank if isinstance(window, int) else list(window)
    if len(sizes) != rank:
        raise ValueError(f"`window` must be one number or {rank}, one for each axis. Received: window={sizes}")
    x = ops.convert_to_tensor(x)
    sums = ops.concatenate([x, ops.ones_like(x[..., :1])], axis=-1)  # the last channel sums the weights inside
    for axis, size in enumerate(sizes, start=1):
        if size > 1:
            sums = _weighted_sum(sums, axis, size, sigma)
    return sums[..., :-1] / sums[..., -1:]


def _weighted_sum(x: Any, axis: int, window: int, sigma: float) -> Any:
    """Along one axis; outside the image counts as zero."""
    half, size = window // 2, ops.shape(x)[axis]
    padding = [(0, 0)] * len(x.shape)
    padding[axis] = (half, half)
    padded = ops.pad(x, padding)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2).tolist()
    shifted = (padded[(slice(None),) * axis + (slice(k, k + size),)] for k in range(window))
    return sum(weight * part for weight, part in zip(weights, shifted, strict=True))
