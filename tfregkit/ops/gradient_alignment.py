"""How far the gradients of two images point in one direction, with its gradient in closed form."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from keras import ops

from tfregkit.backend.fused import fused
from tfregkit.ops.shapes import spatial_rank


def central_difference(image: Any, axis: int) -> Any:
    """`(image(p + e) - image(p - e)) / 2` along `axis`; the image goes on as its border."""
    ahead = ops.concatenate([image[_along(axis, slice(1, None))], image[_along(axis, slice(-1, None))]], axis=axis)
    behind = ops.concatenate([image[_along(axis, slice(0, 1))], image[_along(axis, slice(None, -1))]], axis=axis)
    return 0.5 * (ahead - behind)


def gradient_alignment(fixed: Any, moved: Any, mask: Any, spacing: tuple[float, ...], added: float) -> Any:
    """Mean of `added - (<a, b> + added)² / ((|a|² + 1) (|b|² + 1))`, for the images' gradients `a`, `b` at each voxel.

    The fraction is in [0, 1]: with `added = 0` the squared product of `a / sqrt(|a|² + 1)` and `b / sqrt(|b|² + 1)`;
    with `added = 1` it is 1, and the loss 0, where both gradients are equal, as where both are 0.

    Args:
        fixed: `(B, X, Y[, Z], C)`, in units in which gradients well below 1 are noise.
        moved: The same shape.
        mask: `None` or `(B, X, Y[, Z], 1)`: the weights of the mean, which get no gradient. An empty one gives 0.
        spacing: What a voxel measures along each axis.
        added: 0 or 1, see above.

    Returns:
        `(B,)` in [-1, 0] or [0, 1].
    """
    forward, backward = _compiled(tuple(spacing), added)
    axes = tuple(range(1, spatial_rank(fixed, "fixed") + 2))
    weights = ops.ones_like(fixed[:1, ..., :1]) if mask is None else mask
    total = ops.sum(weights, axis=axes) * fixed.shape[-1]
    total = ops.where(total > 0, total, ops.ones_like(total))

    @ops.custom_gradient
    def mean(fixed, moved):
        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            scale = weights * ops.reshape(upstream / total, (-1, *[1] * len(axes)))
            return _gradient(backward, moved, fixed, scale), _gradient(backward, fixed, moved, scale)

        return ops.sum(forward(fixed, moved) * weights, axis=axes) / total, grad

    return mean(fixed, moved)


def _gradient(backward: Any, fixed: Any, moved: Any, scale: Any) -> Any:
    """With respect to the second image: the transposed differences of the slopes by each component of its gradient."""
    total = 0.0
    for axis, slope in enumerate(backward, start=1):
        total = total + _adjoint_difference(slope(fixed, moved, scale), axis)
    return total


@lru_cache(maxsize=32)
def _compiled(spacing: tuple[float, ...], added: float) -> tuple[Any, tuple[Any, ...]]:
    """The loss of each voxel, and for each axis the derivative of its weighted sum by that component of `b`."""

    def gradient(image):
        return [central_difference(image, axis) / size for axis, size in enumerate(spacing, start=1)]

    def parts(fixed, moved):
        a, b = gradient(fixed), gradient(moved)
        product = sum(x * y for x, y in zip(a, b, strict=True)) + added
        squares = [1 + sum(x * x for x in vector) for vector in (a, b)]
        return a, b, product / squares[0] / squares[1], product, squares[1]

    def forward(fixed, moved):
        *_, ratio, product, _ = parts(fixed, moved)
        return added - ratio * product

    def slope(axis):
        def by_component(fixed, moved, scale):
            a, b, ratio, product, square = parts(fixed, moved)
            return -2 * scale * ratio * (a[axis] - b[axis] * product / square) / spacing[axis]

        return fused(by_component)

    return fused(forward), tuple(slope(axis) for axis in range(len(spacing)))


def _adjoint_difference(values: Any, axis: int) -> Any:
    """The transpose of `central_difference`."""
    first, last = values[_along(axis, slice(0, 1))], values[_along(axis, slice(-1, None))]
    behind = ops.concatenate([-first, values[_along(axis, slice(None, -1))]], axis=axis)
    ahead = ops.concatenate([values[_along(axis, slice(1, None))], -last], axis=axis)
    return 0.5 * (behind - ahead)


def _along(axis: int, which: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (which,)
