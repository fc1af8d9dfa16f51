"""`metrics.csv`: one row per step."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from tfregkit.files import atomic_path
from tfregkit.training.callbacks.base import StepCallback


class MetricsCSV(StepCallback):
    """Appends a row per step; on a resume the rows after the checkpoint are dropped first.

    Args:
        start: See `StepCallback`.
        path: The file.
        columns: After `step`; a value that a step does not have is left empty.
    """

    def __init__(self, start: int, path: Path, columns: list[str]) -> None:
        super().__init__(start)
        self.path, self.columns = path, ["step", *columns]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        rows = [row for row in self._rows() if int(row["step"]) <= self.start]
        with atomic_path(self.path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        self._file = open(self.path, "a", newline="", encoding="utf-8", buffering=1)  # noqa: SIM115 - open during fit
        self._writer = csv.DictWriter(self._file, self.columns, restval="", extrasaction="ignore")

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        self._writer.writerow({"step": step, **logs})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._file.close()

    def _rows(self) -> list[dict[str, str]]:
        """The complete rows on disk: a killed process may have left half a line."""
        if not self.path.is_file():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(line for line in file if line.endswith("\n")))
        return [row for row in rows if row["step"].isdigit() and None not in row.values()]
