"""The numbers of an evaluation: one row per pair, metric and structure, and their summary over the pairs."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tfregkit.evaluation.base import Direction, Metric
from tfregkit.evaluation.statistics import wilcoxon
from tfregkit.files import atomic_path

if TYPE_CHECKING:
    from rich.table import Table as RichTable

SECONDS = "seconds"
"""The metric's name under which the time to register a pair is kept."""


@dataclass(frozen=True)
class Row:
    """One line of `metrics.csv`. `structure` is empty for the pair as a whole; `lam` only for conditioned networks."""

    pair: str
    lam: float | None
    metric: str
    structure: str
    before: float
    after: float
    direction: Direction = "registration"


@dataclass(frozen=True)
class Summary:
    """One line of `summary.csv`: over the `n` pairs in which the value is defined; in `missing` more it is not."""

    lam: float | None
    metric: str
    structure: str
    unit: str
    better: str
    n: int
    before: float
    after: float
    before_sd: float = math.nan
    after_sd: float = math.nan
    after_median: float = math.nan
    p: float = math.nan
    direction: Direction = "registration"
    missing: int = 0


def summarise(rows: Iterable[Row], metrics: Mapping[str, Metric]) -> list[Summary]:
    """Mean, standard deviation (n-1), median and Wilcoxon's p before against after, for each metric and structure.

    Lambdas and directions stay apart.
    A metric that pools its pairs (Dice30) has its pooled numbers instead of the mean, without deviation and p.
    """
    groups: dict[tuple[float | None, Direction, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.lam, row.direction, row.metric, row.structure), []).append(row)
    return [line for key, members in groups.items() for line in _lines(*key, members, metrics)]


def _lines(
    lam: float | None,
    direction: Direction,
    name: str,
    structure: str,
    members: list[Row],
    metrics: Mapping[str, Metric],
) -> list[Summary]:
    before, after = (np.array([getattr(row, when) for row in members], float) for when in ("before", "after"))
    metric = metrics.get(name)
    unit, better = (metric.unit, metric.better) if metric else ("s" if name == SECONDS else "", "lower")
    missing = int(np.count_nonzero(np.isnan(after)))
    n = len(after) - missing
    shared = {"direction": direction, "missing": missing}
    pooled, earlier = (metric.pool(after), metric.pool(before)) if metric else ({}, {})
    if pooled:
        return [Summary(lam, key, structure, unit, better, n, earlier[key], pooled[key], **shared) for key in pooled]
    (mean_before, sd_before), (mean_after, sd_after) = _mean_sd(before), _mean_sd(after)
    p = wilcoxon(before, after).p
    spread = (sd_before, sd_after, _median(after), p)
    return [Summary(lam, name, structure, unit, better, n, mean_before, mean_after, *spread, **shared)]


def _mean_sd(values: np.ndarray) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if known.size else math.nan
    return mean, float(known.std(ddof=1)) if known.size > 1 else math.nan


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else math.nan


def write_table(path: Path, lines: Sequence[Any], kind: type, float_format: str | None = "%.6g") -> None:
    """Write rows as CSV with a header, whole or not at all. The column of `lam` is called `lambda`; NaN is empty.

    Args:
        path: The file.
        lines: Rows of one dataclass.
        kind: That dataclass, whose fields are the columns.
        float_format: Of the numbers; None for as many digits as it takes to read them back exactly.
    """
    frame = pd.DataFrame(lines, columns=[f.name for f in fields(kind)]).rename(columns={"lam": "lambda"})
    with atomic_path(path) as aside:
        frame.to_csv(aside, index=False, float_format=float_format)


def read_rows(path: Path) -> list[Row]:
    """The rows of a `metrics.csv`, to summarise or compare them anew. One without `direction` has registration's."""
    with open(path, encoding="utf-8", newline="") as file:
        return [_row(line) for line in csv.DictReader(file, restval="?")]  # a line that is cut short is no number


def _row(line: dict[str, str]) -> Row:
    before, after = (float(line[when] or "nan") for when in ("before", "after"))
    lam = float(line["lambda"]) if line["lambda"] else None
    direction = line.get("direction") or "registration"
    return Row(line["pair"], lam, line["metric"], line["structure"], before, after, direction)


def printed(lines: list[Summary], *, structures: int = 24) -> RichTable:
    """The summary as a table for the terminal, structures indented below their metric.

    Where a value is undefined in some pairs, `n` reads `11/12`. Where nothing has a `before`, as in a segmentation,
    there is one `value`.

    Args:
        lines: What `summarise` gave.
        structures: A metric with more structures than this shows its mean alone.
    """
    from rich.table import Table as RichTable

    table = RichTable(box=None, header_style="bold", pad_edge=False)
    swept, ways = len({line.lam for line in lines}) > 1, len({line.direction for line in lines}) > 1
    for name in (["lambda"] if swept else []) + (["direction"] if ways else []) + ["metric"]:
        table.add_column(name)
    compared = any(number(line.before) for line in lines)
    for name in ("before", "after", "sd", "n", "p") if compared else ("value", "sd", "n"):
        table.add_column(name, justify="right")
    parts = Counter((line.lam, line.direction, line.metric) for line in lines if line.structure)
    for line in lines:
        if line.structure and parts[line.lam, line.direction, line.metric] > structures:
            continue
        unit = f" ({line.unit})" if line.unit else ""
        label = f"  [dim]{line.structure}[/dim]" if line.structure else line.metric + unit
        n = f"{line.n}/{line.n + line.missing}" if line.missing else f"{line.n}"
        cells = [_marked(line), number(line.after_sd), n]
        if compared:
            cells = [number(line.before), *cells, probability(line.p)]
        first = ([number(line.lam)] if swept else []) + ([line.direction] if ways else [])
        table.add_row(*first, label, *cells)
    return table


def number(value: float | None) -> str:
    """A value for people: four decimals, one from 10 on; empty for none."""
    return "" if value is None or math.isnan(value) else f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def _marked(line: Summary) -> str:
    """The value after registration, green where it is better than before and red where it is worse."""
    text, change = number(line.after), line.after - line.before
    if math.isnan(change) or change == 0:
        return text
    return f"[green]{text}[/green]" if (change > 0) == (line.better == "higher") else f"[red]{text}[/red]"


def probability(p: float) -> str:
    """p for people; empty for none."""
    return "" if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"
