"""Linear resizing along one axis for TensorFlow: jitted, with an adjoint that gathers instead of scattering."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfregkit.backend.tf_jit import jit


def resize_axis(image: Any, axis: int, size: int, new: int) -> Any:
    """`out(y) = image(y (size - 1) / (new - 1))` along `axis`; sizes known, at least 2. See `tfregkit.ops.resize`."""

    @tf.custom_gradient
    def run(image: Any) -> Any:
        return _forward(axis, size, new)(image), lambda upstream: _adjoint(axis, size, new)(upstream)

    return run(image)


@functools.cache
def _forward(axis: int, size: int, new: int) -> Callable[..., Any]:
    from tfregkit.ops.resize import interpolate_axis  # the generic operation, whose module finds this one

    return jit(lambda image: interpolate_axis(image, axis, size, new))


@functools.cache
def _adjoint(axis: int, size: int, new: int) -> Callable[..., Any]:
    """`in(q) = sum_y max(0, 1 - |y step - q|) upstream(y)`, over the few y that voxel q gives to."""
    step = (size - 1) / (new - 1)

    @jit
    def adjoint(upstream: Any) -> Any:
        shape = [1] * axis + [-1] + [1] * (len(upstream.shape) - axis - 1)
        q = tf.range(size, dtype=upstream.dtype)
        # One more on either side, for rounding; hat weights of those that do not belong are zero.
        first = tf.cast(tf.math.ceil((q - 1) / step), tf.int32) - 1
        total = 0
        for k in range(math.floor(2 / step) + 3):
            y = first + k
            weight = tf.maximum(1 - tf.abs(tf.cast(y, q.dtype) * step - q), 0)
            weight = tf.where((y >= 0) & (y < new), weight, tf.zeros_like(weight))
            rows = tf.gather(upstream, tf.clip_by_value(y, 0, new - 1), axis=axis)
            total = total + tf.reshape(weight, shape) * rows
        return total

    return adjoint
