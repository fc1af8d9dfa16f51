"""What training a run has cost, read from its `metrics.csv` files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tfregkit.training.run import Run


@dataclass(frozen=True)
class Cost:
    """Training steps, image pairs they looked at, and the seconds they took.

    `seconds` is the wall-clock time of the steps of all stages, with the wait for batches and the first step's
    compilation, without validations, checkpoints and evaluation. Steps that were done again after an interruption count
    once: it is the cost of the run as if nothing had interrupted it.
    """

    steps: int = 0
    pairs: int = 0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.steps + other.steps, self.pairs + other.pairs, self.seconds + other.seconds)


def run_cost(run: Run) -> Cost:
    """The cost of all stages of a run, as far as they have been trained."""
    stages = enumerate(run.resolved["stages"], start=1)
    return sum((_stage(run.stage_path(index), stage["trainer"]["batch_size"]) for index, stage in stages), Cost())


def total(costs: Iterable[Cost]) -> Cost:
    """The sum."""
    return sum(costs, Cost())


def best_validation_dice(run: Run) -> float:
    """The highest `val_dice` of the last stage, that of the weights the run is used with; NaN where there is none."""
    frame = _metrics(run.stage_path(len(run.resolved["stages"])))
    return float(frame["val_dice"].max()) if "val_dice" in frame else float("nan")


def _stage(folder: Path, batch_size: int) -> Cost:
    frame = _metrics(folder)
    if "seconds" not in frame:
        return Cost()
    return Cost(len(frame), len(frame) * batch_size, float(frame["seconds"].sum()))


def _metrics(folder: Path) -> pd.DataFrame:
    """A stage's `metrics.csv`; empty before its first step."""
    path = folder / "metrics.csv"
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()
