"""The gradient of a function with respect to tensors, inside or outside of a training step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras


def value_and_gradients(function: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
    """See `tfregkit.ops.value_and_gradients`."""
    return _BACKENDS[keras.backend.backend()](function, list(inputs))


def _tensorflow(function: Callable[..., Any], inputs: list[Any]) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        value = function(*inputs)
    return value, tape.gradient(value, inputs)


def _jax(function: Callable[..., Any], inputs: list[Any]) -> tuple[Any, list[Any]]:
    import jax

    value, found = jax.value_and_grad(function, argnums=tuple(range(len(inputs))))(*inputs)
    return value, list(found)


def _torch(function: Callable[..., Any], inputs: list[Any]) -> tuple[Any, list[Any]]:
    import torch

    with torch.enable_grad():
        inputs = [tensor.detach().requires_grad_() for tensor in inputs]
        value = function(*inputs)
    return value.detach(), list(torch.autograd.grad(value, inputs, allow_unused=True))


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
