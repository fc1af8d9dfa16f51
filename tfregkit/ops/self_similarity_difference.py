"""The difference of two images' descriptors, with its gradient in closed form."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from keras import ops

from tfregkit.backend.fused import fused
from tfregkit.ops.self_similarity import (
    Descriptor,
    Patches,
    channel_places,
    continued,
    continued_adjoint,
    measure,
    plan,
    step_places,
)
from tfregkit.ops.shapes import spatial_rank
from tfregkit.ops.window import box_sum


def self_similarity_difference(fixed: Any, moved: Any, mask: Any, rule: Descriptor) -> Any:
    """Mean over voxels and channels of `|a_k - b_k|` or `(a_k - b_k)²`, for descriptors `a`, `b` of the two images.

    The channels are never held at once: forward keeps the patch distances, which channels of opposite steps share,
    backward runs over them once more. With `e_k = exp(-m_k / V)`, `h_k = d loss / d m_k = -(d loss / d e_k) e_k / V`
    and `w = d loss / d V = -Σ_k h_k m_k / V` (0 where `V` is at a limit), the patch distances get
    `t_k = h_k + w / K`, for `shell` less `Σ_j t_j` where `s_k` is the least. The limits of `V` and the mask get none.

    Args:
        fixed: `(B, X, Y[, Z], C)`; image channels are compared one by one.
        moved: The same shape.
        mask: `None` or `(B, X, Y[, Z], 1)`: the weights of the mean. An empty one gives 0.
        rule: Which descriptor.

    Returns:
        `(B,)` in [0, 1].
    """
    rank = spatial_rank(fixed, "fixed")
    axes = tuple(range(1, rank + 2))
    functions = _compiled(rule, rank)
    channels = sum(len(starts) for _, starts in plan(rule, rank)) * fixed.shape[-1]
    weights = ops.ones_like(fixed[:1, ..., :1]) if mask is None else mask
    total = ops.sum(weights, axis=axes) * channels
    total = ops.where(total > 0, total, ops.ones_like(total))

    @ops.custom_gradient
    def mean(fixed, moved):
        images = continued(fixed, rule), continued(moved, rule)
        patches = tuple(measure(image, rule) for image in images)

        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            scale = weights * ops.reshape(upstream / total, (-1, *[1] * len(axes)))
            return tuple(_gradient(images[i], patches[i], patches[1 - i], scale, rule, functions) for i in range(2))

        return ops.sum(functions.energy(*_flat(*patches)) * weights, axis=axes) / total, grad

    return mean(fixed, moved)


def _gradient(image: Any, patches: Patches, other: Patches, scale: Any, rule: Descriptor, functions: Any) -> Any:
    inputs = (scale, *_flat(patches, other))
    by_width = functions.by_width(*inputs)
    by_lowest = functions.by_lowest(by_width, *inputs)
    total = 0.0
    for k, by_image in enumerate(functions.by_image):
        measured = (patches.distances[k], patches.lowest, patches.width, other.distances[k], other.lowest, other.width)
        total = total + by_image(image, functions.by_distance[k](by_width, by_lowest, scale, *measured))
    return continued_adjoint(total, rule)


def _flat(one: Patches, two: Patches) -> tuple[Any, ...]:
    """Tensors alone, as compiled functions take them: `lowest`, `width`, `free` and all distances, of both images."""
    return tuple(x for p in (one, two) for x in (p.lowest, p.width, p.free, *p.distances))


class _Functions(NamedTuple):
    energy: Any
    by_width: Any
    by_lowest: Any
    by_distance: tuple[Any, ...]
    by_image: tuple[Any, ...]


@lru_cache(maxsize=32)
def _compiled(rule: Descriptor, rank: int) -> _Functions:
    """What is computed at each voxel, each function with one result; the gradients are those of the first image."""
    places = channel_places(rule, rank)
    count = sum(len(where) for where in places)

    def difference(distances, lowest, width, other_distances, other_lowest, other_width):
        excess = distances - lowest
        value = ops.exp(-excess / width)
        return excess, value, value - ops.exp(-(other_distances - other_lowest) / other_width)

    def channels(patches):
        half = len(patches) // 2
        (low, width, free, *one), (other_low, other_width, _, *two) = patches[:half], patches[half:]
        for a, b, where in zip(one, two, places, strict=True):
            for place in where:
                yield width, free, *difference(a[place], low, width, b[place], other_low, other_width)

    def by_excess(value, gap, width, scale):
        slope = 2 * gap if rule.squared else ops.sign(gap)
        return -slope * value * scale / width

    def energy(*patches):
        size = ops.square if rule.squared else ops.abs
        return sum(size(gap) for *_, gap in channels(patches))

    def by_width(scale, *patches):
        return -sum(
            free * by_excess(value, gap, width, scale) * excess / width
            for width, free, excess, value, gap in channels(patches)
        )

    def by_lowest(by_width, scale, *patches):
        if rule.points == "star":
            return ops.zeros_like(by_width)
        return -by_width - sum(
            by_excess(value, gap, width, scale) for width, _, excess, value, gap in channels(patches)
        )

    def by_distance(where, step):
        def gradient(by_width, by_lowest, scale, distances, lowest, width, *other):
            total = 0.0
            for place in where:
                part = (distances[place], lowest, width, other[0][place], *other[1:])
                excess, value, gap = difference(*part)
                slope = by_excess(value, gap, width, scale) + by_width / count
                if rule.points == "shell":
                    slope = slope + by_lowest * ops.cast(excess <= 0, slope.dtype)
                total = total + ops.pad(slope, _outside(place))
            return total

        return fused(gradient)

    def by_image(step):
        here, there = step_places(step)

        def gradient(image, by_distance):
            slope = box_sum(by_distance, rule.patch) * (image[here] - image[there]) * (2 / rule.patch**rank)
            return ops.pad(slope, _outside(here)) - ops.pad(slope, _outside(there))

        return fused(gradient)

    steps = [step for step, _ in plan(rule, rank)]
    return _Functions(
        fused(energy),
        fused(by_width),
        fused(by_lowest),
        tuple(by_distance(where, step) for where, step in zip(places, steps, strict=True)),
        tuple(by_image(step) for step in steps),
    )


def _outside(place: tuple[slice, ...]) -> list[tuple[int, int]]:
    """The padding that undoes a slice."""
    return [(part.start or 0, -(part.stop or 0)) for part in place]
