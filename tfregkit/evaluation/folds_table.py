"""What the runs of a cross-validation reach: a table by fold, and the measurements of all folds together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table

from tfregkit.evaluation.evaluate import build_metrics
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.evaluation.table import Row, Summary, number, read_rows, summarise, write_table
from tfregkit.files import atomic_path, write_json

KEYS = ["lambda", "direction", "metric", "structure"]


@dataclass(frozen=True)
class FoldLine:
    """One metric of one structure, which is empty for scans or pairs as a whole: its mean in each fold.

    `mean` and `sd` (n-1) are over the folds in which it is defined.
    """

    lam: float | None
    direction: str
    metric: str
    structure: str
    folds: dict[int, float]

    @property
    def mean(self) -> float:
        return float(np.mean(self._known)) if self._known else float("nan")

    @property
    def sd(self) -> float:
        return float(np.std(self._known, ddof=1)) if len(self._known) > 1 else float("nan")

    @property
    def _known(self) -> list[float]:
        return [value for value in self.folds.values() if not np.isnan(value)]


def fold_lines(runs: dict[int, Path]) -> list[FoldLine]:
    """The lines of the table.

    Args:
        runs: The directories of runs that are evaluated, by fold.
    """
    found: dict[tuple[str, ...], dict[int, float]] = {}
    for fold, path in runs.items():
        frame = pd.read_csv(path / "evaluation" / "summary.csv", dtype=str, keep_default_na=False)
        for line in frame.to_dict("records"):
            found.setdefault(tuple(line[key] for key in KEYS), {})[fold] = float(line["after"] or "nan")
    return [FoldLine(float(lam) if lam else None, *key, values) for (lam, *key), values in found.items()]


def write_folds(path: Path, lines: Sequence[FoldLine], count: int) -> None:
    """Write the table, whole or not at all: a column for each fold, empty where it is not done or not defined."""
    rows = [
        {
            **dict(zip(KEYS, (line.lam, line.direction, line.metric, line.structure), strict=True)),
            **{f"fold_{number}": line.folds.get(number) for number in range(1, count + 1)},
            "mean": line.mean,
            "sd": line.sd,
        }
        for line in lines
    ]
    with atomic_path(path) as aside:
        pd.DataFrame(rows).to_csv(aside, index=False, float_format="%.6g")


def pooled(runs: dict[int, Path], settings: EvaluationSettings, folder: Path) -> tuple[list[Row], dict[str, str]]:
    """Put the measurements of all folds, in which each subject is tested once, into one evaluation in a folder.

    `tfregkit compare` takes it as that of a run.

    Args:
        runs: The directories of runs that are evaluated, by fold.
        settings: What was measured.
        folder: Gets `metrics.csv` with `metrics.json`, and `summary.csv` over all scans or pairs.

    Returns:
        The rows, and the metrics' units.
    """
    rows = [row for path in runs.values() for row in read_rows(path / "evaluation" / "metrics.csv")]
    first = next(iter(runs.values())) / "evaluation" / "metrics.json"
    write_json(folder / "metrics.json", json.loads(first.read_text(encoding="utf-8")))
    write_table(folder / "metrics.csv", rows, Row)
    metrics = build_metrics(settings)
    write_table(folder / "summary.csv", summarise(rows, metrics), Summary)
    return rows, {name: metric.unit for name, metric in metrics.items()}


def printed(lines: Sequence[FoldLine], count: int) -> Table:
    """The table for the terminal, structures indented below their metric."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    swept, ways = len({line.lam for line in lines}) > 1, len({line.direction for line in lines}) > 1
    for name in (["lambda"] if swept else []) + (["direction"] if ways else []) + ["metric"]:
        table.add_column(name)
    for name in (*(f"fold {fold}" for fold in range(1, count + 1)), "mean", "sd"):
        table.add_column(name, justify="right")
    for line in lines:
        label = f"  [dim]{line.structure}[/dim]" if line.structure else line.metric
        first = ([number(line.lam)] if swept else []) + ([line.direction] if ways else [])
        values = [number(line.folds.get(fold)) for fold in range(1, count + 1)]
        table.add_row(*first, label, *values, number(line.mean), number(line.sd))
    return table
