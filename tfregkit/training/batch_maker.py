"""What a training step is fed with, as a pure function of (seed, step)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfregkit.backend.distribution import Distribution
from tfregkit.errors import ConfigError

LAMBDA = 3  # the stream of random numbers; the data side has others


class BatchMaker:
    """Adds lambda to the data's batches and cuts them into replicas' shares.

    Args:
        batches: The training batches.
        distribution: Whose local replicas are served.
        lam: None, a number, or `"uniform"`.
    """

    def __init__(self, batches: Any, distribution: Distribution, lam: float | str | None) -> None:
        self.batches, self.distribution, self.lam = batches, distribution, lam
        if batches.batch_size % distribution.replicas:
            raise ConfigError(
                f"trainer.batch_size: {batches.batch_size} cannot be shared by {distribution.replicas} devices. "
                f"Use a multiple of {distribution.replicas}."
            )

    def __call__(self, step: int) -> list[dict[str, np.ndarray]]:
        """The batch of a step, counted from 0, for each local replica."""
        return [self.share(step, replica) for replica in self.distribution.local]

    def share(self, step: int, replica: int) -> dict[str, np.ndarray]:
        """One replica's share; `lam` is `(B, 1)`."""
        replicas = self.distribution.replicas
        batch = self.batches.batch(step, replica=replica, replicas=replicas)
        if self.lam is None:
            return batch
        size = self.batches.batch_size // replicas
        if self.lam == "uniform":
            drawn = np.random.default_rng([self.batches.seed, LAMBDA, step]).random((size * replicas, 1), "float32")
        else:
            drawn = np.full((size * replicas, 1), self.lam, "float32")
        return {**batch, "lam": drawn[replica * size : (replica + 1) * size]}
