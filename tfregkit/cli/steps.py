"""Progress of the optimisations of a registration."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class StepBars:
    """A bar on standard error for the optimisation that is running; a context manager, called after every step."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: Any = None

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
