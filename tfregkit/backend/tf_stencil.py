"""Jitted parts of linear sampling where no component leaves [-1, 1]: dense stencils of shifted planes.

There the linear interpolation at `p + u(p)` is a blend of the 3^N nearest voxels with hat weights: of `-1, 0, 1` along
an axis `max(-c, 0)`, `1 - |c|`, `max(c, 0)`, with `c` the displacement clipped to stay inside. Shifted contiguous reads
vectorise where gathers and scatters do not, and the adjoint, too, is a sum over shifts.

Planes with one voxel of zeros around are called padded; their zeros meet zero weights or zero values only.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfregkit.backend.tf_jit import as_float, jit, line, sizes


def pad(plane: Any) -> Any:
    """The plane with one voxel of zeros around."""
    return tf.pad(plane, [[0, 0]] + [[1, 1]] * (len(plane.shape) - 1))


def _inner(padded: Any) -> list[Any]:
    return [size - 2 for size in sizes(padded)]


def _shift(padded: Any, offsets: tuple[int, ...], shape: list[Any]) -> Any:
    """`plane(p + o - 1)` for offsets `o` in 0, 1, 2."""
    return padded[(slice(None), *(slice(o, o + size) for o, size in zip(offsets, shape, strict=True)))]


def _middle(padded: Any, shape: list[Any]) -> Any:
    return _shift(padded, (1,) * len(shape), shape)


def _clip(component: Any, at: Any, size: Any) -> Any:
    """A displacement along one axis, clipped so that `at + u` stays in `[0, size - 1]`."""
    return tf.minimum(tf.maximum(component, -at), as_float(size - 1, component.dtype) - at)


def _hats(c: Any) -> tuple[Any, Any, Any]:
    return tf.maximum(-c, 0), 1 - tf.abs(c), tf.maximum(c, 0)


def _hat_slopes(component: Any, at: Any, size: Any) -> tuple[Any, Any, Any]:
    """Derivatives of the hat weights: of the right side at a voxel, of the left one at the last; 0 outside."""
    last = as_float(size - 1, component.dtype)
    position = at + component
    right = tf.cast((component >= 0) & (position < last), component.dtype)
    inside = tf.cast((position >= 0) & (position <= last) & (last > 0), component.dtype)
    return (right - 1) * inside, (1 - 2 * right) * inside, right * inside


def _weights(components: list[Any], shape: list[Any], slope: int | None = None) -> list[tuple[Any, Any, Any]]:
    weights = []
    for axis, (component, size) in enumerate(zip(components, shape, strict=True)):
        at = line(size, axis, len(shape), component.dtype)
        weights.append(_hat_slopes(component, at, size) if axis == slope else _hats(_clip(component, at, size)))
    return weights


def _blend(padded: Any, weights: list[tuple[Any, Any, Any]], shape: list[Any]) -> Any:
    """Sum over the 3^N shifts, nested by axis."""

    def along(axis: int, offsets: tuple[int, ...]) -> Any:
        if axis == len(shape):
            return _shift(padded, offsets, shape)
        return sum(weights[axis][o] * along(axis + 1, (*offsets, o)) for o in range(3))

    return along(0, ())


@jit
def sample(padded: Any, *components: Any) -> Any:
    """`plane(p + u(p))`."""
    shape = _inner(padded)
    return _blend(padded, _weights(components, shape), shape)


@functools.cache
def slope(axis: int) -> Callable[..., Any]:
    """A function `(total, *padded, *upstreams)`: `total + sum_c upstream_c d u_c(p + u) / d u_axis` of a field."""

    @jit
    def run(total: Any, *tensors: Any) -> Any:
        rank = len(tensors) // 2
        padded, upstreams = tensors[:rank], tensors[rank:]
        shape = _inner(padded[0])
        weights = _weights([_middle(plane, shape) for plane in padded], shape, slope=axis)
        for plane, upstream in zip(padded, upstreams, strict=True):
            total = total + upstream * _blend(plane, weights, shape)
        return total

    return run


@jit
def splat(padded_upstream: Any, *padded_components: Any) -> Any:
    """The adjoint of `sample`: `sum_t g(q - t) prod_a hat(t_a - c_a(q - t))` over shifts t in -1, 0, 1."""
    shape = _inner(padded_upstream)
    total = 0
    for offsets in itertools.product((0, 1, 2), repeat=len(shape)):
        term = _shift(padded_upstream, offsets, shape)
        for axis, (component, size) in enumerate(zip(padded_components, shape, strict=True)):
            source = line(size, axis, len(shape), term.dtype) + (offsets[axis] - 1)
            clipped = _clip(_shift(component, offsets, shape), source, size)
            term = term * _hats(clipped)[2 - offsets[axis]]
        total = total + term
    return total
