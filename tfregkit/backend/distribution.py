"""How a training step is spread over devices and machines: the part that does not know the backend."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras

from tfregkit.errors import ConfigError


@dataclass(frozen=True)
class Distribution:
    """The replicas of a training job and those of this process.

    Args:
        replicas: Copies of the network in the whole job; each computes its share of the batch.
        local: The numbers of the replicas that live in this process.
        worker: This process' number; number 0, the chief, writes the run directory.
        workers: Processes in the job.
        strategy: The backend's own object, None where it has none.
    """

    replicas: int = 1
    local: range = range(1)
    worker: int = 0
    workers: int = 1
    strategy: Any = None

    @property
    def chief(self) -> bool:
        return self.worker == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Where the network, the trainer and the optimiser are created and restored."""
        return nullcontext() if self.strategy is None else self.strategy.scope()


def open_distribution(name: str) -> Distribution:
    """The distribution a configuration asks for: `none`, `mirrored`, `multiworker` or `auto`.

    `auto` is `multiworker` when `TF_CONFIG` names several workers, `mirrored` when this machine has several GPUs, and
    else `none`. Only TensorFlow distributes; JAX and torch train on one device.

    Raises:
        ConfigError: For `multiworker` without a usable `TF_CONFIG`, or a distribution the backend does not have.
    """
    if keras.backend.backend() == "tensorflow":
        from tfregkit.backend.distribution_tensorflow import open_tensorflow

        return open_tensorflow(name)
    if name in ("none", "auto"):
        return Distribution()
    raise ConfigError(
        f"trainer.distribute: `{name}` needs the TensorFlow backend; KERAS_BACKEND is `{keras.backend.backend()}`."
    )


def prepare_process(name: str) -> None:
    """What a backend must hear before anything else runs on it: a distributed job connects its workers here."""
    open_distribution(name)
