"""Joint histograms of two images with Gaussian bins and their gradient in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from keras import ops

from tfregkit.backend.fused import fused


@dataclass(frozen=True)
class Bins:
    """`count` bins with centres `linspace(low, high, count)`; what is outside counts at the nearer end.

    The weight of a value `x` for bin b is `w_b(x) = g_b / sum_c g_c`, `g_b = exp(-(x - c_b)² / (2 (ratio d)²))`, with d
    the distance of two centres: a value's weights add up to 1.
    """

    count: int = 48
    ratio: float = 0.5
    low: float = 0.0
    high: float = 1.0


def joint_histogram(fixed: Any, moved: Any, weights: Any, bins: Bins) -> Any:
    """`P_ab = sum_n weights_n w_a(fixed_n) w_b(moved_n)` over the last axis: `(..., V)` to `(..., bins, bins)`."""
    weigh, _ = _compiled(bins)
    left = ops.swapaxes(weigh(fixed, weights), -1, -2)
    return ops.matmul(left, weigh(moved, ops.ones_like(moved)))


def histogram_gradient(fixed: Any, moved: Any, weights: Any, upstream: Any, bins: Bins) -> Any:
    """`sum_ab upstream_ab d P_ab / d moved_n`, `(..., V)`; `upstream` is `(..., bins, bins)`."""
    weigh, slope = _compiled(bins)
    return slope(moved, ops.matmul(weigh(fixed, weights), upstream))


@lru_cache(maxsize=32)
def _compiled(bins: Bins) -> tuple[Any, Any]:
    """The weights for each bin, and the derivative by a value of the sum over bins of its weights times numbers."""
    width = (bins.high - bins.low) / (bins.count - 1)

    def gauss(image):
        """Distances to the bins and unnormalised weights, `(..., V, bins)`, in widths of a bin."""
        at = (ops.clip(image, bins.low, bins.high) - bins.low) / width
        distance = ops.arange(bins.count, dtype=image.dtype) - at[..., None]
        return distance, ops.exp(distance * distance * (-0.5 / bins.ratio**2))

    def weigh(image, factor):
        weights = gauss(image)[1]
        return weights * (factor / ops.sum(weights, axis=-1))[..., None]

    def slope(image, values):
        distance, weights = gauss(image)
        total = ops.sum(weights, axis=-1)
        centre = ops.sum(weights * distance, axis=-1) / total
        change = ops.sum(weights * (distance - centre[..., None]) * values, axis=-1) / total
        inside = ops.cast((image >= bins.low) & (image <= bins.high), image.dtype)
        return change * inside / (bins.ratio**2 * width)

    return fused(weigh), fused(slope)
