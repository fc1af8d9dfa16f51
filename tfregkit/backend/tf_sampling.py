"""Jitted parts of linear sampling on component planes: gathers forward, gathers and scatters backward.

Fields and images come as planes: a list of N components `(B, X, Y[, Z])` and single channels of the same layout. The
corner at offset `o` of a voxel has bit `a` of `o` set where it is the upper neighbour along axis `a`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfregkit.backend.tf_jit import as_float, jit, line, sizes


def _axis(component: Any, axis: int, size: Any) -> tuple[Any, Any, Any]:
    """Along one axis: index of the lower neighbour, weight of the upper one, and whether the position is outside."""
    rank = len(component.shape) - 1
    position = line(sizes(component)[axis], axis, rank, component.dtype) + component
    last = as_float(size - 1, component.dtype)
    below, above = position < 0, position > last
    # Comparisons with NaN are false: NaN survives the clipping and reaches the weight.
    clipped = tf.where(below, tf.zeros_like(position), tf.where(above, last, position))
    lower = tf.maximum(tf.minimum(tf.cast(clipped, tf.int32), size - 2), 0)
    return lower, clipped - tf.cast(lower, clipped.dtype), below | above


def _corners(components: list[Any], shape: list[Any]) -> tuple[Any, list[Any], list[Any], list[Any]]:
    """Flat index of the lowest corner, flat offsets of all corners, weights of the upper neighbours, outside masks."""
    parts = [_axis(component, axis, shape[axis]) for axis, component in enumerate(components)]
    batch = sizes(components[0], 0)[0]
    index = tf.reshape(tf.range(batch), [-1] + [1] * len(shape))
    for size, (lower, _, _) in zip(shape, parts, strict=True):
        index = index * size + lower
    return index, _offsets(shape), [weight for _, weight, _ in parts], [outside for _, _, outside in parts]


def _offsets(shape: list[Any]) -> list[Any]:
    """Flat offsets of the 2^N corners from the lowest one; an axis of size 1 has no upper neighbour."""
    steps, stride = [], 1
    for size in reversed(shape):
        steps.insert(0, stride * tf.minimum(size - 1, 1))
        stride = stride * size
    corners = itertools.product((0, 1), repeat=len(shape))
    return [sum(bit * step for bit, step in zip(bits, steps, strict=True)) for bits in corners]


def _blend(values: list[Any], weights: list[Any], slope: int | None = None) -> Any:
    """The multilinear blend of 2^N corner values, or its derivative along the axis `slope`."""
    for axis in reversed(range(len(weights))):
        pairs = zip(values[0::2], values[1::2], strict=True)
        w = weights[axis]
        values = [b - a if axis == slope else a * (1 - w) + b * w for a, b in pairs]
    return values[0]


@jit
def sample(plane: Any, *components: Any) -> Any:
    """`plane(p + u(p))`."""
    index, offsets, weights, _ = _corners(components, sizes(plane))
    flat = tf.reshape(plane, [-1])
    return _blend([tf.gather(flat, index + offset) for offset in offsets], weights)


@functools.cache
def sample_slope(axis: int, channels: int) -> Callable[..., Any]:
    """A function `(total, *planes, *upstreams, *components)`: `total + sum_c g_c d plane_c(p + u) / d u_axis`."""

    @jit
    def slope(total: Any, *tensors: Any) -> Any:
        planes, upstreams, components = tensors[:channels], tensors[channels : 2 * channels], tensors[2 * channels :]
        index, offsets, weights, outside = _corners(components, sizes(planes[0]))
        change = 0
        for plane, upstream in zip(planes, upstreams, strict=True):
            flat = tf.reshape(plane, [-1])
            values = [tf.gather(flat, index + offset) for offset in offsets]
            change = change + upstream * _blend(values, weights, axis)
        return total + tf.where(outside[axis], tf.zeros_like(change), change)

    return slope


def splat(upstream: Any, like: Any, components: list[Any]) -> Any:
    """The adjoint of `sample`: every value goes to the corners of its position. `like` is a plane of the image's shape.

    The index is computed apart from the weights and both apart from the scatter: fused, they are computed once per
    corner inside XLA's sequential scatter loop. The order of the additions is fixed.
    """
    corners = list(itertools.product((0, 1), repeat=len(components)))
    weighted = [_corner_weight(bits)(like, upstream, *components) for bits in corners]
    return _scatter(like, _flat_index(like, *components), *weighted)


@jit
def _flat_index(like: Any, *components: Any) -> Any:
    index, _, _, _ = _corners(components, sizes(like))
    return tf.reshape(index, [-1])


@functools.cache
def _corner_weight(bits: tuple[int, ...]) -> Callable[..., Any]:
    """A function `(like, upstream, *components)`: what each value gives to its corner `bits`, flat."""

    @jit
    def weighted(like: Any, upstream: Any, *components: Any) -> Any:
        _, _, weights, _ = _corners(components, sizes(like))
        for bit, weight in zip(bits, weights, strict=True):
            upstream = upstream * (weight if bit else 1 - weight)
        return tf.reshape(upstream, [-1])

    return weighted


@jit
def _scatter(like: Any, index: Any, *weighted: Any) -> Any:
    total = tf.zeros([tf.size(like)], like.dtype)
    for offset, values in zip(_offsets(sizes(like)), weighted, strict=True):
        total = tf.tensor_scatter_nd_add(total, (index + offset)[:, None], values)
    return tf.reshape(total, tf.shape(like))
