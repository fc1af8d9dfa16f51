"""The training loop's contact with the backend: `fit` for every backend, and what it needs of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

Batch = dict[str, np.ndarray]


class GenericLoop:
    """Keras' own `fit`, fed from a Python iterator. For JAX and torch, which train on one device here."""

    stop_requested = False
    draws_inside_step = False
    takes_held_out = False

    @property
    def stop_agreed(self) -> bool:
        """Whether to leave after this step."""
        return self.stop_requested

    def prepare(self, batches: list[Batch], distribution: Any) -> Any:
        """What the step will take, made on the loader's threads: for one device simply its batch."""
        return batches[0]

    def fit_source(self, feed: Iterator[Any]) -> Any:
        """The `x` of `fit`."""
        return ((batch,) for batch in feed)

    def settle(self) -> None:
        """Make the variables hold the values of the latest step (JAX keeps them elsewhere during `fit`)."""
        if keras.backend.backend() == "jax":
            self.jax_state_sync()


def loop_base() -> type:
    """The class a trainer derives from, besides `keras.Model`."""
    if keras.backend.backend() == "tensorflow":
        from tfregkit.backend.loop_tensorflow import TensorFlowLoop

        return TensorFlowLoop
    return GenericLoop


def loss_share(loss: Any) -> Any:
    """A replica's part of the loss, such that the gradients' sum over replicas is the gradient of the global mean.

    Their batches are of equal size.
    """
    return loss / replicas_in_sync()


def replicas_in_sync() -> int:
    """How many replicas share the step or the weights that are being made."""
    if keras.backend.backend() == "tensorflow":
        from tfregkit.backend import loop_tensorflow

        return loop_tensorflow.replicas_in_sync()
    return 1


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` for inference, as fast as the backend can without XLA: no gradients are kept."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from tfregkit.backend.loop_tensorflow import graph

        return graph(function)
    if backend == "torch":
        import torch

        return torch.no_grad()(function)
    return function


def has_accelerator() -> bool:
    """Whether the backend sees a GPU or TPU."""
    return any("cpu" not in device.lower() for device in keras.distribution.list_devices())


def make_deterministic() -> None:
    """Ask for kernels that give the same bits every time, where the backend has the choice."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    if backend == "torch":
        import torch

        torch.use_deterministic_algorithms(True, warn_only=True)


def out_of_memory(error: BaseException) -> bool:
    """Whether this is how the backend says that a device has no memory left."""
    if isinstance(error, MemoryError):
        return True
    name, text = type(error).__name__, str(error)
    return name in ("ResourceExhaustedError", "OutOfMemoryError") or "RESOURCE_EXHAUSTED" in text or "OOM when" in text


def peer_lost(error: BaseException) -> bool:
    """Whether this is how the backend says that another worker of the job is gone."""
    name, text = type(error).__name__, str(error)
    return name in ("UnavailableError", "AbortedError", "CancelledError", "DeadlineExceededError") or (
        "ollective" in text and name in ("InternalError", "FailedPreconditionError", "UnknownError")
    )
