"""Derivatives for strategies that need more of them than `fit` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfregkit.backend import derivative


def value_and_gradients(function: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
    """`function(*inputs)`, a scalar, and its gradient with respect to each input.

    With the values of a network's variables as inputs, and `keras.StatelessScope` inside of `function` to put them in
    the variables' place, this is the gradient at weights that the network does not have.

    Args:
        function: Of as many tensors as there are inputs.
        inputs: Tensors.

    Returns:
        The value, and the gradients in order: None where nothing leads from the input to the value (zeros under JAX).
    """
    return derivative.value_and_gradients(function, inputs)
