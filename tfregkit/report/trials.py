"""Pictures of a sweep's runs: a heat map over two keys, or what each key does."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tfregkit.config.trials import short_names
from tfregkit.evaluation.trials_table import TrialRow, marked
from tfregkit.files import atomic_path
from tfregkit.report.curves import COLOURS, by_factors, dressed
from tfregkit.report.panels import FAINT, INK, PAPER

TITLES = {"val_dice": "validation Dice", "dice": "Dice", "folds": "folds (%)", "sdlogj": "SD log J"}


def trials_figure(rows: Sequence[TrialRow], path: str | Path) -> Path:
    """Write one PNG with a panel for the validation Dice and for Dice, folds and SDlogJ of the evaluation, if there.

    Two swept keys whose values form a grid give heat maps, with the value in every field; otherwise there is a row of
    panels for each key, with its values along x: on a logarithmic axis where they are numbers over more than a
    decade. The best run is framed or ringed. Runs that are not done are left out.

    Reference: Liu et al. 2020, CLMorph, figure 8, arXiv:2011.08894: a grid over two weights.

    Args:
        rows: The runs.
        path: The file, written whole or not at all.
    """
    rows = marked(rows)
    keys, shown = list(rows[0].values), short_names(list(rows[0].values))
    names = [name for name in TITLES if any(not math.isnan(quality(row, name)) for row in rows)] or ["val_dice"]
    heat = len(keys) == 2 and len(rows) == math.prod(len(levels(rows, key)) for key in keys)
    count = 1 if heat else len(keys)
    figure = Figure(figsize=(3.9 * len(names), 3.6 * count), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(count, len(names), squeeze=False)
    for row, key in zip(panels, keys, strict=False):
        for axes, name in zip(row, names, strict=True):
            dressed(axes, TITLES[name], shown[key])
            if heat:
                _heat(axes, rows, keys, name)
                axes.set_ylabel(shown[keys[1]], color=FAINT, fontsize=9)
            else:
                _points(axes, rows, key, name)
    with atomic_path(path) as aside:
        figure.savefig(aside, format="png", facecolor=PAPER, dpi=120)
    return Path(path)


def quality(row: TrialRow, name: str) -> float:
    """A run's validation Dice, or the mean of a metric; NaN where there is none."""
    return row.val_dice if name == "val_dice" else row.metrics.get(name, math.nan)


def levels(rows: Sequence[TrialRow], key: str) -> list[Any]:
    """The different values of a key: numbers by size, others as they come."""
    values = list({word(row.values[key]): row.values[key] for row in rows}.values())
    return sorted(values) if all(_number(value) for value in values) else values


def word(value: Any) -> str:
    """A value as it is shown."""
    return value if isinstance(value, str) else json.dumps(value)


def _heat(axes: Any, rows: Sequence[TrialRow], keys: list[str], name: str) -> None:
    """The first key along x, the second along y, in equal steps."""
    places = [[word(value) for value in levels(rows, key)] for key in keys]
    values = np.full((len(places[1]), len(places[0])), np.nan)
    for row in rows:
        x, y = (place.index(word(row.values[key])) for place, key in zip(places, keys, strict=True))
        values[y, x] = quality(row, name)
        if row.best:
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=2, zorder=3))
    shown = axes.imshow(values, origin="lower", aspect="auto", cmap="viridis")
    middle = np.nanmean(shown.get_clim()) if np.isfinite(values).any() else 0.0
    for (y, x), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "black" if value > middle else "white"
            axes.text(x, y, f"{value:.3g}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(places[0])), places[0])
    axes.set_yticks(range(len(places[1])), places[1])
    axes.grid(visible=False)


def _points(axes: Any, rows: Sequence[TrialRow], key: str, name: str) -> None:
    values = levels(rows, key)
    numeric = all(_number(value) for value in values)
    if numeric and min(values) > 0 and max(values) > 10 * min(values):
        by_factors(axes)
    if not numeric:
        axes.set_xticks(range(len(values)), [word(value) for value in values])
    known = [word(value) for value in values]
    places = [row.values[key] if numeric else known.index(word(row.values[key])) for row in rows]
    found = [quality(row, name) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: places[i])
    single = len(rows[0].values) == 1  # a curve; with several keys each value has many runs
    axes.plot(
        [places[i] for i in order], [found[i] for i in order], marker="o", linestyle="-" if single else "",
        color=COLOURS[0],
    )  # fmt: skip
    for row, place, value in zip(rows, places, found, strict=True):
        if row.best:
            axes.plot(place, value, "o", markersize=12, fillstyle="none", color=INK)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
