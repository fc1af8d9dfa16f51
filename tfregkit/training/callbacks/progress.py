"""Progress on the console."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tfregkit.training.callbacks.base import StepCallback

LINE_EVERY_S = 20.0


class ProgressBar(StepCallback):
    """A bar with the terms, pairs per second and time left; a plain line now and then where the output is a file.

    Args:
        start: See `StepCallback`.
        stop: The last step.
        name: Of the stage.
        console: Where to.
        terms: The columns to show.
    """

    def __init__(self, start: int, stop: int, name: str, console: Console, terms: list[str]) -> None:
        super().__init__(start)
        self.stop, self.name, self.console, self.terms = stop, name, console, terms

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        columns = [TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn()]
        numbers = TextColumn("{task.fields[numbers]}")
        self._progress = Progress(
            *columns, TimeRemainingColumn(), numbers, console=self.console, disable=not self.console.is_terminal
        )
        self._task = self._progress.add_task(self.name, total=self.stop, completed=self.start, numbers="")
        self._progress.start()
        self._begun = self._line = time.monotonic()

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        numbers = " ".join(f"{name} {logs[name]:.4f}" for name in self.terms) + f" {logs['images_per_s']:.2f} pairs/s"
        self._progress.update(self._task, completed=step, numbers=numbers)
        now = time.monotonic()
        if not self.console.is_terminal and (now - self._line > LINE_EVERY_S or step == self.stop):
            left = (now - self._begun) / (step - self.start) * (self.stop - step)
            self._say(f"{self.name} {step}/{self.stop} {numbers}, {left / 60:.1f} min left")
            self._line = now
        if "val_loss" in logs:
            found = " ".join(f"{name} {value:.4f}" for name, value in logs.items() if name.startswith("val_"))
            self._say(f"{self.name} step {step}: {found}")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.close()

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the terminal as it was, also after an error."""
        if getattr(self, "_progress", None):
            self._progress.stop()
