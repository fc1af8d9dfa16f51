"""How long a step took and how much of it was waiting."""

from __future__ import annotations

import time
from typing import Any

from tfregkit.training.callbacks.base import StepCallback
from tfregkit.training.loader import Loader


class Clock(StepCallback):
    """Adds `seconds`, `wait` (the share of them that passed waiting for the batch), `images_per_s`, `learning_rate`.

    Args:
        start: See `StepCallback`.
        loader: Whose waiting is looked at.
        pairs: Pairs in a batch.
    """

    def __init__(self, start: int, loader: Loader, pairs: int) -> None:
        super().__init__(start)
        self.loader, self.pairs = loader, pairs

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._begun = time.perf_counter()

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        waited = self.loader.waited
        before = 0.0 if self.model.draws_inside_step else waited
        seconds = time.perf_counter() - self._begun + before
        logs["seconds"] = seconds
        logs["wait"] = waited / seconds
        logs["images_per_s"] = self.pairs / seconds
        logs["learning_rate"] = float(1.0 * self.model.optimizer.learning_rate)
