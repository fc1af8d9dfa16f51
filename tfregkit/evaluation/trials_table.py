"""The lines of `trials.csv`: what each run of a sweep cost and reached."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from tfregkit.config.trials import Trial, short_names
from tfregkit.errors import DataError
from tfregkit.evaluation.table import SECONDS, number
from tfregkit.files import atomic_path
from tfregkit.inference.chosen_lambda import ChosenLambda
from tfregkit.training.cost import Cost, best_validation_dice, run_cost
from tfregkit.training.run import Run

COSTS = ("steps", "pairs", "seconds")
DONE, FAILED, MISSING = "done", "failed", "missing"


@dataclass(frozen=True)
class TrialRow:
    """One run: its values by key, its state (`done`, `failed`, `missing`), its cost, and what it reached.

    `metrics` are means of its evaluation over the pairs, by name. `best` marks the highest validation Dice.
    """

    name: str
    values: dict[str, Any]
    state: str
    cost: Cost = Cost()
    val_dice: float = math.nan
    metrics: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    best: bool = False


def trial_row(trial: Trial, path: Path, *, done: bool, failure: str | None) -> TrialRow:
    """The line of a trial.

    Args:
        trial: The trial.
        path: Its run's directory, if it has one yet.
        done: Whether it is trained and evaluated.
        failure: Why its training failed, if it did.
    """
    state = DONE if done else FAILED if failure else MISSING
    if not Run.exists(path):
        return TrialRow(trial.name, trial.values, state, reason=failure or "")
    run = Run.open(path)
    reached = (best_validation_dice(run), evaluated_means(run)) if done else (math.nan, {})
    return TrialRow(trial.name, trial.values, state, run_cost(run), *reached, reason=failure or "")


def marked(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """The lines with the best marked: the highest validation Dice, of equals the first; none where there is no Dice."""
    known = [row for row in rows if not math.isnan(row.val_dice)]
    best = max(known, key=lambda row: row.val_dice, default=None)
    return [replace(row, best=row is best) for row in rows]


def evaluated_means(run: Run) -> dict[str, float]:
    """The means of a run's evaluation over its pairs, by metric: after registration, of whole pairs.

    Of a run whose network segments, which has the other direction alone, over its scans. The time to register a pair
    is called `seconds_per_pair` here.

    Of a conditioned run at the lambda that was chosen for it; at its only one where none was. Empty where there is no
    evaluation, or there are several lambdas and none was chosen.
    """
    path = run.path / "evaluation" / "summary.csv"
    if not path.is_file():
        return {}
    frame = pd.read_csv(path, keep_default_na=False, na_values={"after": [""], "lambda": [""]})
    direction = "registration" if (frame["direction"] == "registration").any() else "segmentation"
    frame = frame[(frame["structure"] == "") & (frame["direction"] == direction)]
    if frame["lambda"].nunique() > 1:
        chosen = ChosenLambda.read(run.path)
        frame = frame[frame["lambda"] == chosen.value] if chosen else frame[:0]
    names = frame["metric"].replace(SECONDS, "seconds_per_pair")
    return {name: float(value) for name, value in zip(names, frame["after"], strict=True)}


def write_trials(path: Path, rows: Sequence[TrialRow]) -> None:
    """Write the table, whole or not at all: a column for each swept key, NaN empty."""
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics))
    lines = []
    for row in marked(rows):
        values = {key: _cell(value) for key, value in row.values.items()}
        known = {name: row.metrics.get(name, math.nan) for name in metrics}
        line = {"trial": row.name, **values, "state": row.state, **vars(row.cost), "val_dice": row.val_dice, **known}
        lines.append({**line, "best": row.best, "reason": " ".join(row.reason.split())})
    with atomic_path(path) as aside:
        pd.DataFrame(lines).to_csv(aside, index=False, float_format="%.6g")


def read_trials(path: Path) -> list[TrialRow]:
    """The lines of a `trials.csv`, in their order.

    Raises:
        DataError: When it is no such table.
    """
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values={"val_dice": [""]})
        columns = list(frame.columns)
        keys = columns[1 : columns.index("state")]
        metrics = columns[columns.index("val_dice") + 1 : columns.index("best")]
        return [_read(line, keys, metrics) for line in frame.to_dict("records")]
    except (KeyError, ValueError, IndexError, pd.errors.ParserError):
        raise DataError(f"{path}: is no table of trials as `tfregkit train` writes it.") from None


def _read(line: dict[str, Any], keys: list[str], metrics: list[str]) -> TrialRow:
    cost = Cost(int(line["steps"]), int(line["pairs"]), float(line["seconds"]))
    return TrialRow(
        name=line["trial"],
        values={key: line[key] for key in keys},
        state=line["state"],
        cost=cost,
        val_dice=float(line["val_dice"]),
        metrics={name: float(line[name]) for name in metrics if line[name] != ""},
        reason=line["reason"],
        best=bool(line["best"]),
    )


def _cell(value: Any) -> Any:
    """A value in the table: numbers and text as they are, other things as JSON."""
    return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else json.dumps(value)


def printed(rows: Sequence[TrialRow]) -> Table:
    """The table for the terminal, the best run marked."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = short_names(list(rows[0].values))
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics))
    table.add_column("")
    for name in (*shown.values(), *COSTS, "val_dice", *metrics):
        table.add_column(name, justify="right")
    for row in marked(rows):
        cells = [str(_cell(value)) for value in row.values.values()]
        cells += [f"{row.cost.steps}", f"{row.cost.pairs}", f"{row.cost.seconds:.1f}", number(row.val_dice)]
        cells += [number(row.metrics.get(name)) for name in metrics]
        style = "bold green" if row.best else "red" if row.state == FAILED else ""
        table.add_row("*" if row.best else "", *cells, style=style)
    return table
