"""Sums over cubic windows."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.backend.dispatch import kernel
from tfregkit.ops.shapes import spatial_rank


def box_sum(x: Any, window: int) -> Any:
    """The sum over the `window^N` voxels around each voxel; outside the image counts as zero.

    Separable, and along each axis by doubling: sums of 2, 4, 8, ... neighbours are added, so that a window of `w` costs
    about `log2(w)` additions per axis and loses no precision to a running sum.

    Args:
        x: `(B, X, Y[, Z], C)`.
        window: Odd edge length in voxels.

    Returns:
        The shape and type of `x`.

    Raises:
        ValueError: If `window` is not odd and positive.
    """
    spatial_rank(x, "x")
    if int(window) != window or window < 1 or window % 2 == 0:
        raise ValueError(f"`window` must be odd and positive. Received: window={window!r}")
    return (kernel("box_sum", x) or _box_sum)(ops.convert_to_tensor(x), int(window))


def _box_sum(x: Any, window: int) -> Any:
    for axis in range(1, len(x.shape) - 1):
        x = axis_sum(x, axis, window)
    return x


def axis_sum(x: Any, axis: int, window: int) -> Any:
    """Sum over `window` (odd) neighbours along one axis; zeros outside."""
    half = window // 2
    padding = [(0, 0)] * len(x.shape)
    padding[axis] = (half, half)
    size = ops.shape(x)[axis]
    power, span = ops.pad(x, padding), 1  # power[i] = sum of padded[i : i + span]
    total, done = None, 0
    while True:
        if window & span:
            part = _slice(power, axis, done, done + size)
            total, done = (part if total is None else total + part), done + span
        if done == window:
            return total
        length = ops.shape(power)[axis]
        power = _slice(power, axis, 0, length - span) + _slice(power, axis, span, length)
        span *= 2


def _slice(x: Any, axis: int, start: Any, stop: Any) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]
