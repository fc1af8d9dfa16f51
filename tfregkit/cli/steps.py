"""Progress of registrations and of the optimisations within them."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class StepBars:
    """A bar on standard error for the optimisation that is running, and one above it for a count of registrations.

    A context manager, called after every step.
    """

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: Any = None
        self._counted: Any = None

    def __enter__(self) -> StepBars:
        self._progress.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.stop()

    def __call__(self, name: str, step: int, steps: int, loss: float) -> None:
        """Show step `step` of `steps` of the optimisation `name`; step 1 starts a new bar."""
        if step == 1:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(name, total=steps)
        self._progress.update(self._task, completed=step, description=f"{name}: loss {loss:.4f}")

    def count(self, name: str, number: int, total: int) -> None:
        """Show that number `number` of `total` of the things called `name` has begun."""
        if self._counted is None:
            self._counted = self._progress.add_task(name)
        self._progress.update(self._counted, total=total, completed=number - 1, description=f"{name} {number}")
