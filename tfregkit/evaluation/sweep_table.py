"""The lines of a sweep: a run at one lambda, and which of them is best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.markup import escape
from rich.table import Table

from tfregkit.evaluation.table import Row
from tfregkit.lambdas import spelled


@dataclass(frozen=True)
class SweepRow:
    """One line of `sweep.csv`: a run at one lambda, over `pairs` pairs. `chosen` marks the best."""

    run: str
    lam: float
    pairs: int
    dice_before: float
    dice: float
    dice_sd: float
    dice30: float
    folds_percent: float
    sdlogj: float
    ncc: float
    chosen: bool = False


def sweep_row(run: str, lam: float, rows: Sequence[Row]) -> SweepRow:
    """Means over the pairs with a value; `dice30` is the mean of the lowest 30 % of the pairs.

    Args:
        run: The run's label.
        lam: The lambda.
        rows: Those of all pairs at that lambda.
    """
    from tfregkit import build

    def of(metric: str, when: str = "after") -> np.ndarray:
        found = [getattr(row, when) for row in rows if row.metric == metric and not row.structure]
        return np.array([value for value in found if not math.isnan(value)], float)

    dice = of("dice")
    return SweepRow(
        run=run,
        lam=lam,
        pairs=len(dice),
        dice_before=_mean(of("dice", "before")),
        dice=_mean(dice),
        dice_sd=float(dice.std(ddof=1)) if len(dice) > 1 else math.nan,
        dice30=build("metric", "dice30").pool(dice)["dice30_mean"],
        folds_percent=_mean(of("folds")),
        sdlogj=_mean(of("sdlogj")),
        ncc=_mean(of("ncc")),
    )


def choose(rows: Sequence[SweepRow], max_folds: float) -> list[SweepRow]:
    """The lines with the best marked: the highest Dice among those with fewer folds; of equals the larger lambda."""
    allowed = [row for row in rows if row.folds_percent < max_folds and not math.isnan(row.dice)]
    best = max(allowed, key=lambda row: (row.dice, row.lam), default=None)
    return [replace(row, chosen=row is best) for row in rows]


def printed(rows: Sequence[SweepRow], max_folds: float) -> Table:
    """The lines of one run as a table for the terminal, the chosen one marked."""
    table = Table(title=escape(rows[0].run), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("")
    for name in ("lambda", "Dice", "sd", "Dice30", "folds %", "SDlogJ", "NCC"):
        table.add_column(name, justify="right")
    for row in rows:
        folds = _number(row.folds_percent)
        cells = [f"{row.dice:.4f}", _number(row.dice_sd), f"{row.dice30:.4f}"]
        cells += [folds if row.folds_percent < max_folds else f"[red]{folds}[/red]"]
        cells += [_number(row.sdlogj), _number(row.ncc)]
        style = "bold green" if row.chosen else ""
        table.add_row("*" if row.chosen else "", spelled(row.lam), *cells, style=style)
    return table


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan
