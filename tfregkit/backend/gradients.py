"""Gradients of a scalar function with respect to arrays, under whichever backend Keras runs: for checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def gradients(function: Callable[..., Any], *inputs: np.ndarray) -> list[np.ndarray]:
    """d function(*inputs) / d input for each input, zeros where there is no path.

    Args:
        function: Takes one tensor per input and returns a scalar tensor.
        *inputs: Arrays.
    """
    return _BACKENDS[keras.backend.backend()](function, inputs)


def _tensorflow(function: Callable[..., Any], inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    import tensorflow as tf

    tensors = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    found = tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(x).numpy() for x in found]


def _jax(function: Callable[..., Any], inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    import jax

    arguments = tuple(range(len(inputs)))
    return [np.asarray(x) for x in jax.grad(function, argnums=arguments)(*[jax.numpy.asarray(x) for x in inputs])]


def _torch(function: Callable[..., Any], inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    import torch

    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    found = torch.autograd.grad(function(*tensors), tensors, allow_unused=True)
    return [np.zeros_like(x) if g is None else g.detach().cpu().numpy() for x, g in zip(inputs, found, strict=True)]


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
