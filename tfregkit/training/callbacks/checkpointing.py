"""Writes checkpoints while training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfregkit.training.callbacks.base import StepCallback
from tfregkit.training.checkpoint import Checkpoints, read_facts


class Checkpointing(StepCallback):
    """Saves every `every` steps and after the last, and the best network (with its objective) by validation.

    Best is the highest `val_dice`, or the lowest `val_loss` where the data has no labels.

    Args:
        start: See `StepCallback`.
        stop: The last step.
        every: Steps between checkpoints.
        checkpoints: Where to.
        groups: Gives the variables.
        facts: What to save with them.
    """

    def __init__(
        self,
        start: int,
        stop: int,
        every: int,
        checkpoints: Checkpoints,
        groups: Callable[[], Any],
        facts: dict[str, Any],
    ) -> None:
        super().__init__(start)
        self.stop, self.every, self.checkpoints, self.groups, self.facts = stop, every, checkpoints, groups, facts
        self.saved = start
        self._best = read_facts(checkpoints.best)["score"] if checkpoints.best.is_file() else None

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        if "val_loss" in logs:
            score = logs.get("val_dice", -logs["val_loss"])
            if self._best is None or score > self._best:
                groups = {name: group for name, group in self.groups().items() if name in ("network", "objective")}
                self.checkpoints.save_best(step, groups, {**self.facts, "score": score})
                self._best = score
        if step % self.every == 0 or step == self.stop:
            self.save(step)

    def save(self, step: int) -> None:
        """Save this step, unless it is saved already."""
        if step != self.saved:
            self.checkpoints.save(step, self.groups(), self.facts)
            self.saved = step
