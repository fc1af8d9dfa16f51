"""Small jitted sub-graphs for TensorFlow: XLA fuses what the graph would materialise.

Each function handed to `jit` yields one array: XLA on a CPU computes the shared part of several outputs once for each
of them, and slowly; three calls with one output took a third of the time of one call with three. Nothing here holds a
convolution, which XLA on a CPU runs an order of magnitude slower than TensorFlow does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of tensors with XLA: traced once for every set of ranks, compiled anew for every shape."""
    traced: dict[tuple[int, ...], Callable[..., Any]] = {}

    @functools.wraps(function)
    def call(*tensors: Any) -> Any:
        ranks = tuple(len(tensor.shape) for tensor in tensors)
        if ranks not in traced:
            # Shapes are relaxed to unknown sizes on the second one; across ranks that would lose the rank.
            options = {"jit_compile": True, "autograph": False, "reduce_retracing": True}
            traced.setdefault(ranks, tf.function(function, **options))
        return traced[ranks](*tensors)

    return call


def sizes(tensor: Any, start: int = 1) -> list[Any]:
    """Sizes of the axes from `start` on, as numbers where they are known."""
    dynamic = tf.shape(tensor)
    return [dynamic[i] if size is None else size for i, size in enumerate(tensor.shape)][start:]


def as_float(size: Any, dtype: Any) -> Any:
    """A size as a scalar of a floating type."""
    return tf.cast(size, dtype)


def line(size: Any, axis: int, rank: int, dtype: Any) -> Any:
    """Coordinates `0 .. size - 1` along one spatial axis, broadcastable to `(B, X, Y[, Z])`."""
    shape = [1] + [-1 if other == axis else 1 for other in range(rank)]
    return tf.reshape(tf.cast(tf.range(size), dtype), shape)
