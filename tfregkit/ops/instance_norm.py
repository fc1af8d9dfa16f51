"""Instance normalisation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfregkit.backend.dispatch import kernel
from tfregkit.ops.shapes import at_least_float32


def instance_norm(x: Any, scale: Any, offset: Any, epsilon: float = 1e-5) -> Any:
    """`scale (x - mean) / sqrt(variance + epsilon) + offset`, mean and variance per item and channel.

    Args:
        x: `(B, X, Y[, Z], C)`.
        scale: `(C,)`.
        offset: `(C,)`.
        epsilon: Keeps the division finite.

    Returns:
        The shape and type of `x`; statistics are float32 at least.

    Reference: Ulyanov et al. 2016, arXiv:1607.08022.
    """
    fast = kernel("instance_norm", x)
    return (fast or normalise)(x, scale, offset, epsilon)


def normalise(x: Any, scale: Any, offset: Any, epsilon: float) -> Any:
    """The generic code of `instance_norm`."""
    wide, axes = at_least_float32(x), list(range(1, len(x.shape) - 1))
    centred = wide - ops.mean(wide, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)  # `ops.moments` subtracts squares under torch
    factor = ops.rsqrt(variance + epsilon) * ops.cast(scale, wide.dtype)
    return ops.cast(centred * factor + ops.cast(offset, wide.dtype), keras.backend.standardize_dtype(x.dtype))
