"""Window sums for TensorFlow: one jitted pass per axis, and its own adjoint."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfregkit.backend.tf_jit import jit


def box_sum(x: Any, window: int) -> Any:
    """The sum over `window^N` voxels around each voxel, zeros outside; see `tfregkit.ops.box_sum`."""

    @tf.custom_gradient
    def run(x: Any) -> Any:
        for axis in range(1, len(x.shape) - 1):
            x = _axis_sum(axis, window)(x)
        # An odd window of equal weights with zeros outside is a symmetric matrix.
        return x, lambda upstream: box_sum(upstream, window)

    return run(x)


@functools.cache
def _axis_sum(axis: int, window: int) -> Callable[..., Any]:
    from tfregkit.ops.window import axis_sum  # the generic operation, whose module finds this one

    return jit(lambda x: axis_sum(x, axis, window))
