"""Random subsets of voxels as a pure function of random numbers."""

from __future__ import annotations

import math
from typing import Any

from keras import ops


def stratified(noise: Any, voxels: Any, ratio: float) -> Any:
    """Indices of one voxel in each of `ratio * voxels` strata of neighbouring indices, `(B, M)` int32, increasing.

    `index_g = floor((g + r_g) / ratio)`, with `r_g` the fractional part of two of the numbers of `noise` added: as many
    pairs as noise has numbers squared are there before one comes again. Each voxel is drawn `ratio` times on average;
    where the strata's length is no whole number, two of them share the voxel at their border.

    Args:
        noise: `(B, K)` uniform in [0, 1).
        voxels: How many there are, a number or a scalar tensor.
        ratio: The share wanted, in (0, 1].
    """
    numbers = noise.shape[1]
    if isinstance(voxels, int):
        count = max(math.floor(voxels * ratio), 1)
    else:
        count = ops.maximum(ops.cast(ops.cast(voxels, "float32") * ratio, "int32"), 1)
    stratum = ops.arange(count, dtype="int32")
    fine = ops.take(noise, stratum % numbers, axis=1)
    coarse = ops.take(noise, stratum // numbers % numbers, axis=1)
    place = ops.cast(stratum, "float32") + (fine + coarse) % 1.0
    return ops.clip(ops.cast(place / ratio, "int32"), 0, voxels - 1)
