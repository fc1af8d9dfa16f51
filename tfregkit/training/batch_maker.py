"""What a training step is fed with, as a pure function of (seed, step)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfregkit.backend.distribution import Distribution
from tfregkit.errors import ConfigError
from tfregkit.ops.normal_noise import NOISE_SIZE

LAMBDA, NOISE = 3, 4  # streams of random numbers; the data side has others


class BatchMaker:
    """Adds what is drawn anew for every item, lambda and noise, to the data's batches; cuts them into replicas' shares.

    Args:
        batches: The training batches.
        distribution: Whose local replicas are served.
        lam: None, a number, or `"uniform"`.
        noise: Whether `noise` is asked for, from which similarities and networks draw.
    """

    def __init__(self, batches: Any, distribution: Distribution, lam: float | str | None, noise: bool = False) -> None:
        self.batches, self.distribution, self.lam, self.noise = batches, distribution, lam, noise
        if batches.batch_size % distribution.replicas:
            raise ConfigError(
                f"trainer.batch_size: {batches.batch_size} cannot be shared by {distribution.replicas} devices. "
                f"Use a multiple of {distribution.replicas}."
            )

    def __call__(self, step: int) -> list[dict[str, np.ndarray]]:
        """The batch of a step, counted from 0, for each local replica."""
        return [self.share(step, replica) for replica in self.distribution.local]

    def share(self, step: int, replica: int) -> dict[str, np.ndarray]:
        """One replica's share; `lam` is `(B, 1)`, `noise` `(B, 4096)`, both uniform in [0, 1)."""
        replicas = self.distribution.replicas
        batch = self.batches.batch(step, replica=replica, replicas=replicas)
        size = self.batches.batch_size // replicas
        share = slice(replica * size, (replica + 1) * size)
        if self.lam == "uniform":
            batch = {**batch, "lam": self._drawn(LAMBDA, step, 1)[share]}
        elif self.lam is not None:
            batch = {**batch, "lam": np.full((size, 1), self.lam, "float32")}
        return {**batch, "noise": self._drawn(NOISE, step, NOISE_SIZE)[share]} if self.noise else batch

    def _drawn(self, stream: int, step: int, numbers: int) -> np.ndarray:
        rng = np.random.default_rng([self.batches.seed, stream, step])
        return rng.random((self.batches.batch_size, numbers), "float32")
