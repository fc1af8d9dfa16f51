"""The local correlation of two images, with its gradient in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from keras import ops

from tfregkit.backend.fused import fused
from tfregkit.ops.shapes import spatial_rank
from tfregkit.ops.window import box_sum

EpsilonMode = Literal["clamp", "legacy", "vxm_dev"]


@dataclass(frozen=True)
class Correlation:
    """What is computed from the moments of a window of `n` voxels: covariance `c` and variances `p`, `q`.

    - `clamp`: `c² / (max(p, eps) max(q, eps))`
    - `legacy`: `c² / (p q + eps / n²)`, which is `cross² / (var_1 var_2 + eps)` of the windows' sums
    - `vxm_dev`: `max(c, eps / n)² / (max(p, eps / n) max(q, eps / n))`

    and, where `root` is set, the square root of the denominator under `c` instead.
    """

    window: int = 9
    root: bool = False
    epsilon: float = 1e-5
    mode: EpsilonMode = "clamp"


def local_correlation(fixed: Any, moved: Any, mask: Any = None, rule: Correlation = Correlation()) -> Any:
    """Mean over voxels and channels of the correlation in the window around each voxel; outside counts as zero.

    The gradient is closed-form: with `a = d cc / d c` and `b = d cc / d q` at each window's centre and `S` the window
    sum, `d mean / d moved = (fixed S(a) + 2 moved S(b) - S(a E[fixed] + 2 b E[moved])) / n / voxels`. Its cost does not
    depend on the window. The mask gets no gradient.

    Args:
        fixed: `(B, X, Y[, Z], C)`.
        moved: The same shape.
        mask: `None` or `(B, X, Y[, Z], 1)`: the weights of the mean. An empty one gives 0.
        rule: Which correlation.

    Returns:
        `(B,)`, at most 1.
    """
    forward, gradient = _compiled(rule)
    axes = tuple(range(1, spatial_rank(fixed, "fixed") + 2))
    weights = ops.ones_like(fixed[:1, ..., :1]) if mask is None else mask
    total = ops.cast(ops.prod(ops.shape(fixed)[1:]), fixed.dtype)
    if mask is not None:
        total = ops.sum(mask, axis=axes, keepdims=True) * fixed.shape[-1]
        total = ops.where(total > 0, total, ops.ones_like(total))

    @ops.custom_gradient
    def mean(fixed, moved):
        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            scale = weights * (ops.reshape(upstream, (-1, *[1] * len(axes))) / total)
            return gradient(moved, fixed, scale), gradient(fixed, moved, scale)

        return ops.sum(forward(fixed, moved) * (weights / total), axis=axes), grad

    return mean(fixed, moved)


@lru_cache(maxsize=32)
def _compiled(rule: Correlation) -> tuple[Any, Any]:
    """The map of correlations, and the gradient of its weighted sum with respect to the second image."""

    def forward(fixed, moved):
        return _statistics(fixed, moved, rule)[0]

    def gradient(fixed, moved, scale):
        _, a, b, fixed_mean, moved_mean = _statistics(fixed, moved, rule)
        a, b = a * scale, 2 * b * scale

        def window_sum(x):
            return box_sum(x, rule.window)

        constant = window_sum(a * fixed_mean + b * moved_mean)
        return (fixed * window_sum(a) + moved * window_sum(b) - constant) / _voxels(fixed, rule)

    return fused(forward), fused(gradient)


def _voxels(image: Any, rule: Correlation) -> float:
    return float(rule.window ** (len(image.shape) - 2))


def _statistics(fixed: Any, moved: Any, rule: Correlation) -> tuple[Any, ...]:
    """Correlation, its derivatives by covariance and by the second variance, and the two means, per window."""
    n = _voxels(fixed, rule)
    f, m, ff, mm, fm = (
        box_sum(x, rule.window) / n for x in (fixed, moved, fixed * fixed, moved * moved, fixed * moved)
    )
    floor = {"clamp": rule.epsilon, "legacy": 0.0, "vxm_dev": rule.epsilon / n}[rule.mode]
    added = rule.epsilon / n**2 if rule.mode == "legacy" else 0.0
    cross, p, q = fm - f * m, ff - f * f, mm - m * m
    falls = ops.cast(q > floor, q.dtype)  # the derivative of the clamped variance
    p, q = ops.maximum(p, floor), ops.maximum(q, floor)
    rises = ops.ones_like(cross)
    if rule.mode == "vxm_dev":
        rises = ops.cast(cross > floor, cross.dtype)
        cross = ops.maximum(cross, floor)
    inverse = 1 / (p * q + added)
    if rule.root:
        slope = ops.sqrt(inverse)
        cc = cross * slope
        return cc, slope * rises, -0.5 * cc * p * inverse * falls, f, m
    cc = cross * cross * inverse
    return cc, 2 * cross * inverse * rises, -cc * p * inverse * falls, f, m
