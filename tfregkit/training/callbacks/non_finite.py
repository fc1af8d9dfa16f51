"""Stops a run that has gone wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfregkit.errors import TrainingError
from tfregkit.training.callbacks.base import StepCallback


class NonFiniteStop(StepCallback):
    """Raises `TrainingError` at a NaN or infinite loss, naming the terms and the batch's pairs. Nothing is saved.

    Args:
        start: See `StepCallback`.
        names: The pairs of the batch of a step, counted from 0.
        folder: Where the checkpoints lie, for the message.
    """

    def __init__(self, start: int, names: Callable[[int], list[str]], folder: Path) -> None:
        super().__init__(start)
        self.names, self.folder = names, folder

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        if math.isfinite(logs["loss"]):
            return
        terms = ", ".join(f"{name} {value:g}" for name, value in logs.items() if not name.startswith("val_"))
        saved = sorted(self.folder.glob("step-*.npz"))
        kept = f"The last good checkpoint is {saved[-1]}" if saved else "No checkpoint was written yet"
        raise TrainingError(
            f"step {step}: the loss is not finite ({terms}). The batch: {', '.join(self.names(step - 1))}. "
            f"{kept}. Look at these images, or lower trainer.learning_rate, or set trainer.optimizer.global_clipnorm."
        )
