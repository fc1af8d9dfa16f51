"""The numbers of `metrics.csv` for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfregkit.training.callbacks.base import StepCallback


class TensorBoard(StepCallback):
    """Writes every number as a scalar: terms as they are, times under `time/`, validation under `validation/`.

    Args:
        start: See `StepCallback`.
        folder: Of the event files.
    """

    def __init__(self, start: int, folder: Path) -> None:
        super().__init__(start)
        self.folder = folder

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        from tensorboard.summary import Writer

        self.folder.mkdir(parents=True, exist_ok=True)
        self._writer = Writer(str(self.folder))

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        for name, value in logs.items():
            self._writer.add_scalar(_tag(name), value, step)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._writer.close()


def _tag(name: str) -> str:
    if name in ("seconds", "wait", "images_per_s"):
        return f"time/{name}"
    if name.startswith("val_"):
        return f"validation/{name[4:]}"
    return f"training/{name}"
