"""Evaluations as `tfregkit evaluate` writes them, with values that are given: for tests of what reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfregkit.evaluation.table import Row, write_table

PAIRS = ("a_to_b", "a_to_c", "b_to_a", "b_to_c", "c_to_a", "c_to_b", "d_to_a")


def rows(metric: str, values: Mapping[str, Sequence[float]], *, pairs: Sequence[str] = PAIRS, **more) -> list[Row]:
    """Rows of one metric from values `(pairs,)` by structure; the pair's own is the structures' mean unless given.

    Before registration every value is half of it.
    """
    more = {"lam": None, "direction": "registration", **more}
    found = []
    for place, pair in enumerate(pairs):
        each = {name: column[place] for name, column in values.items()}
        known = [value for value in each.values() if not math.isnan(value)]
        if "" not in each:
            each = {"": sum(known) / len(known) if known else math.nan, **each}
        found += [Row(pair, more["lam"], metric, n, value / 2, value, more["direction"]) for n, value in each.items()]
    return found


def write_evaluation(folder: Path, lines: Sequence[Row]) -> Path:
    """`folder/evaluation/metrics.csv`, as in a run; returns the folder."""
    write_table(folder / "evaluation" / "metrics.csv", list(lines), Row, float_format=None)
    return folder
