"""Descriptors of the neighbourhood of each voxel that compare patches of one image with one another."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any, Literal, NamedTuple

from keras import ops

from tfregkit.backend.fused import fused
from tfregkit.ops.shapes import spatial_rank
from tfregkit.ops.window import box_sum

Vector = tuple[int, ...]


@dataclass(frozen=True)
class Descriptor:
    """Which patches are compared, and what becomes of their distances.

    Around each voxel lie the `2N` points `± distance e_i`. `star` compares the voxel with each of them, `2N` channels
    (MIND's six neighbourhood); `shell` compares those of them that are neighbours, at squared distance
    `2 distance²`: 12 channels in 3-D, 4 in 2-D (MIND-SSC). With `s_k` the mean squared difference of the two patches:

    - `star`: `m_k = s_k`, `shell`: `m_k = s_k - min_k s_k`
    - `descriptor_k = exp(-m_k / V)`, `V` a constant, or `mean_k m_k` within `[1e-3, 1e3]` of its mean over the image.

    Args:
        distance: Between the voxel and the points, in voxels.
        patch: Side of the patches in voxels, odd.
        points: `star` or `shell`.
        variance: The constant `V`; None for the local one.
        squared: How descriptors are compared: by squares or by absolute values of their differences.
    """

    distance: int = 2
    patch: int = 3
    points: Literal["star", "shell"] = "star"
    variance: float | None = None
    squared: bool = False

    @property
    def margin(self) -> int:
        """How far outside the image the descriptor of a voxel looks; the image is continued by its border."""
        return self.distance + self.patch // 2


class Patches(NamedTuple):
    """What the descriptor of an image is made of.

    Attributes:
        distances: For each step of the plan the mean square of `image(y) - image(y + step)` over the patch around `y`.
        lowest: `min_k s_k` of each voxel; 0 for `star`.
        width: `V` of each voxel, within its limits.
        free: Where `V` is within its limits, 1; elsewhere 0.
    """

    distances: tuple[Any, ...]
    lowest: Any
    width: Any
    free: Any


@lru_cache(maxsize=32)
def plan(rule: Descriptor, rank: int) -> tuple[tuple[Vector, tuple[Vector, ...]], ...]:
    """`((step, (start, ...)), ...)`: one channel compares the patches at `start` and `start + step`.

    Channels of one step, up to its sign, share their patch distances, shifted by their starts.
    """
    axes = [tuple(rule.distance * (i == j) for j in range(rank)) for i in range(rank)]
    around = [*axes, *(_minus(axis) for axis in axes)]
    if rule.points == "star":
        pairs = [((0,) * rank, point) for point in around]
    else:
        pairs = [(p, q) for p, q in itertools.combinations(around, 2) if p != _minus(q)]
    steps: dict[Vector, list[Vector]] = {}
    for start, end in pairs:
        step = tuple(b - a for a, b in zip(start, end, strict=True))
        if step < (0,) * rank:
            start, step = end, _minus(step)
        steps.setdefault(step, []).append(start)
    return tuple((step, tuple(starts)) for step, starts in steps.items())


def self_similarity(image: Any, rule: Descriptor) -> Any:
    """The descriptors of an image, all channels at once.

    Args:
        image: `(B, X, Y[, Z], 1)`.
        rule: Which descriptor.

    Returns:
        `(B, X, Y[, Z], K)` in (0, 1].
    """
    patches = measure(continued(image, rule), rule)
    return ops.concatenate(
        [
            ops.exp(-(channel - patches.lowest) / patches.width)
            for distances, places in zip(
                patches.distances, channel_places(rule, spatial_rank(image, "image")), strict=True
            )
            for channel in (distances[place] for place in places)
        ],
        axis=-1,
    )


def continued(image: Any, rule: Descriptor) -> Any:
    """The image with `margin` more voxels on each side, equal to the nearest one of the border."""
    for axis in range(1, spatial_rank(image, "image") + 1):
        first, last = image[_along(axis, slice(0, 1))], image[_along(axis, slice(-1, None))]
        image = ops.concatenate([*[first] * rule.margin, image, *[last] * rule.margin], axis=axis)
    return image


def continued_adjoint(image: Any, rule: Descriptor) -> Any:
    """The transpose of `continued`: what lies outside is added to the border."""
    margin = rule.margin + 1
    for axis in range(1, len(image.shape) - 1):
        first = ops.sum(image[_along(axis, slice(0, margin))], axis=axis, keepdims=True)
        image = ops.concatenate([first, image[_along(axis, slice(margin, None))]], axis=axis)
        last = ops.sum(image[_along(axis, slice(-margin, None))], axis=axis, keepdims=True)
        image = ops.concatenate([image[_along(axis, slice(None, -margin))], last], axis=axis)
    return image


def measure(image: Any, rule: Descriptor) -> Patches:
    """The patch distances of a `continued` image, their least, and `V`."""
    rank = spatial_rank(image, "image")
    functions = _compiled(rule, rank)
    distances = tuple(distance(image) for distance in functions.distances)
    axes = tuple(range(1, rank + 1))
    lowest = functions.lowest(*distances) if rule.points == "shell" else ops.zeros((1,) * (rank + 2), image.dtype)
    if rule.variance is not None:
        width = ops.full((1,) * (rank + 2), rule.variance, dtype=image.dtype)
        return Patches(distances, lowest, width, ops.zeros_like(width))
    width = functions.width(lowest, *distances)
    typical = ops.stop_gradient(ops.mean(width, axis=axes, keepdims=True))
    # The limits are as far as intensities in float32 can be told apart, so that constant images stay defined.
    least = ops.stop_gradient(1e-12 * ops.mean(ops.square(image), axis=axes, keepdims=True) + 1e-20)
    low, high = ops.maximum(1e-3 * typical, least), ops.maximum(1e3 * typical, least)
    free = ops.cast(ops.logical_and(width > low, width < high), width.dtype)
    return Patches(distances, lowest, ops.minimum(ops.maximum(width, low), high), free)


def step_places(step: Vector) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where `y` and `y + step` lie in an image, for all `y` for which both do."""
    here = tuple(slice(max(0, -s), -s if s > 0 else None) for s in step)
    there = tuple(slice(max(0, s), s if s < 0 else None) for s in step)
    return _everywhere(here), _everywhere(there)


@lru_cache(maxsize=32)
def channel_places(rule: Descriptor, rank: int) -> tuple[tuple[tuple[slice, ...], ...], ...]:
    """For each step, where the voxels' own channels lie in its patch distances."""
    found = []
    for step, starts in plan(rule, rank):
        before = [[a + rule.margin - max(0, -s) for a, s in zip(start, step, strict=True)] for start in starts]
        found.append(tuple(_everywhere(_inner(first, step, rule.margin)) for first in before))
    return tuple(found)


def _inner(first: list[int], step: Vector, margin: int) -> tuple[slice, ...]:
    after = [2 * margin - abs(s) - f for f, s in zip(first, step, strict=True)]
    return tuple(slice(f, -a if a else None) for f, a in zip(first, after, strict=True))


class _Functions(NamedTuple):
    distances: tuple[Any, ...]
    lowest: Any
    width: Any


@lru_cache(maxsize=32)
def _compiled(rule: Descriptor, rank: int) -> _Functions:
    places = channel_places(rule, rank)
    voxels = float(rule.patch**rank)

    def channels(distances):
        return [d[place] for d, where in zip(distances, places, strict=True) for place in where]

    def distance(step):
        here, there = step_places(step)
        return fused(lambda image: box_sum(ops.square(image[here] - image[there]), rule.patch) / voxels)

    def lowest(*distances):
        return reduce(ops.minimum, channels(distances))

    def width(least, *distances):
        found = channels(distances)
        return sum(found[1:], found[0]) / len(found) - least

    return _Functions(tuple(distance(step) for step, _ in plan(rule, rank)), fused(lowest), fused(width))


def _minus(vector: Vector) -> Vector:
    return tuple(-v for v in vector)


def _everywhere(where: tuple[slice, ...]) -> tuple[slice, ...]:
    """The same place in each item and channel."""
    return (slice(None), *where, slice(None))


def _along(axis: int, which: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (which,)
