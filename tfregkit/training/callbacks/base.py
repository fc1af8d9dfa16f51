"""What the callbacks share."""

from __future__ import annotations

from typing import Any

import keras


class StepCallback(keras.callbacks.Callback):
    """Calls `after_step(step, logs)` with the stage's own step number, from 1. `logs` may be added to.

    Args:
        start: Steps that were done before this `fit`.
    """

    def __init__(self, start: int) -> None:
        super().__init__()
        self.start = start

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.after_step(self.start + batch + 1, logs)

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define `after_step`")
