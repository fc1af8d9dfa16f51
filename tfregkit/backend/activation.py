"""The backend's own LeakyReLU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def leaky_relu_kernel() -> Callable[[Any, float], Any] | None:
    """A LeakyReLU whose gradient is taken from its output, or None where the generic one serves.

    JAX rematerialises under its compiler and gains nothing.
    """
    if keras.backend.backend() == "tensorflow":
        from tfregkit.backend.activation_tensorflow import leaky_relu

        return leaky_relu
    return None
