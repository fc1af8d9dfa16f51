"""Leaving in order when asked to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tfregkit.training.callbacks.base import StepCallback


class Interrupted(Exception):
    """Training was asked to stop (SIGTERM, SIGINT) and has saved its state.

    Args:
        number: The signal.
        step: The last step done, which is saved.
    """

    def __init__(self, number: int, step: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} after step {step}, which is saved")
        self.number, self.step = number, step


class Termination(StepCallback):
    """After the step during which a signal came: saves and raises `Interrupted`. A second signal kills as usual.

    All workers of a distributed job leave after the same step, whichever of them got the signal.

    Args:
        start: See `StepCallback`.
        save: Saves a step.
        alone: Whether this is the only process of the job.
    """

    def __init__(self, start: int, save: Callable[[int], None], alone: bool) -> None:
        super().__init__(start)
        self.save, self.alone = save, alone
        self.received: int | None = None

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        if self.model.stop_agreed or (self.alone and self.received is not None):
            self.save(step)
            raise Interrupted(self.received or signal.SIGTERM, step)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT within the block; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        self.received = number
        self.model.stop_requested = True
        signal.signal(number, signal.SIG_DFL)
