"""Functions of element-wise operations and window sums, compiled where that pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled by XLA under TensorFlow; as it is elsewhere (JAX compiles the whole step).

    Args:
        function: Of tensors, to one tensor, in `keras.ops`, without convolutions.
    """
    if keras.backend.backend() == "tensorflow":
        from tfregkit.backend.tf_jit import jit

        return jit(function)
    return function
