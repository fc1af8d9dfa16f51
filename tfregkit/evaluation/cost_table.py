"""What runs and sweeps reach and what their training cost, in one table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from rich.table import Table

from tfregkit.config.trials import TABLE
from tfregkit.errors import ConfigError
from tfregkit.evaluation.compared import parted
from tfregkit.evaluation.labels import path_labels
from tfregkit.evaluation.table import number
from tfregkit.evaluation.trials_table import COSTS, TrialRow, evaluated_means, marked, read_trials
from tfregkit.files import atomic_path
from tfregkit.training.cost import Cost, best_validation_dice, run_cost, total
from tfregkit.training.run import Run


@dataclass(frozen=True)
class Spent:
    """One line of `cost.csv`: a run, or a sweep of several with the quality of the best.

    `cost` is that of all runs. `trials` are a sweep's runs in the order in which they were trained.
    """

    label: str
    runs: int
    cost: Cost
    val_dice: float
    metrics: dict[str, float] = field(default_factory=dict)
    trials: list[TrialRow] = field(default_factory=list)


def read_spent(words: Sequence[str]) -> list[Spent]:
    """The line of each run or sweep.

    Args:
        words: `PATH` or `LABEL=PATH` each: a run's directory, or a sweep's.

    Raises:
        RunError: When there is no such run.
        ConfigError: When two have one label.
    """
    given = [parted(word) for word in words]
    unnamed = iter(path_labels([path for label, path in given if not label]))
    labels = [label or next(unnamed) for label, _ in given]
    for label, times in Counter(labels).items():
        if times > 1:
            raise ConfigError(f"{times} runs have the label `{label}`. Name them: `a=PATH b=PATH`.")
    return [_spent(label, path) for label, (_, path) in zip(labels, given, strict=True)]


def _spent(label: str, path: Path) -> Spent:
    if not (path / TABLE).is_file():
        run = Run.open(path)
        return Spent(label, 1, run_cost(run), best_validation_dice(run), evaluated_means(run))
    rows = marked([_evaluated(row, path / row.name) for row in read_trials(path / TABLE)])
    best = next((row for row in rows if row.best), None)
    reached = (best.val_dice, best.metrics) if best else (math.nan, {})
    return Spent(label, len(rows), total(row.cost for row in rows), *reached, rows)


def _evaluated(row: TrialRow, path: Path) -> TrialRow:
    """The row with what the run's evaluation says now: it may have been evaluated after the sweep."""
    return replace(row, metrics=evaluated_means(Run.open(path))) if Run.exists(path) else row


def metric_names(lines: Sequence[Spent]) -> list[str]:
    """The metrics that any of them has."""
    return list(dict.fromkeys(name for line in lines for name in line.metrics))


def write_spent(path: Path, lines: Sequence[Spent]) -> None:
    """Write `cost.csv`, whole or not at all; NaN is empty."""
    names = metric_names(lines)
    table = [
        {"label": line.label, "runs": line.runs, **vars(line.cost), "val_dice": line.val_dice}
        | {name: line.metrics.get(name, math.nan) for name in names}
        for line in lines
    ]
    with atomic_path(path) as aside:
        pd.DataFrame(table).to_csv(aside, index=False, float_format="%.6g")


def printed(lines: Sequence[Spent]) -> Table:
    """The table for the terminal."""
    names = metric_names(lines)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for name in ("runs", *COSTS, "val_dice", *names):
        table.add_column(name, justify="right")
    for line in lines:
        cells = [f"{line.runs}", f"{line.cost.steps}", f"{line.cost.pairs}", f"{line.cost.seconds:.1f}"]
        cells += [number(line.val_dice), *(number(line.metrics.get(name)) for name in names)]
        table.add_row(line.label, *cells)
    return table
