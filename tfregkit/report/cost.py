"""Quality against the cost of training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tfregkit.evaluation.cost_table import Spent
from tfregkit.files import atomic_path
from tfregkit.report.curves import by_factors, dressed, line_style
from tfregkit.report.panels import INK, PAPER
from tfregkit.report.trials import TITLES, quality


def cost_figure(lines: Sequence[Spent], path: str | Path) -> Path:
    """Write one PNG: validation Dice, and Dice, folds and SDlogJ of the evaluations, over the seconds of training.

    A run is a point. A sweep is a staircase: after each of its runs, what the best so far (by validation Dice) reaches,
    over the seconds of all so far; its end is the point in the table.

    Args:
        lines: The runs and sweeps.
        path: The file, written whole or not at all.
    """
    names = [name for name in TITLES if any(not math.isnan(_reached(line, name)) for line in lines)] or ["val_dice"]
    figure = Figure(figsize=(4.2 * len(names), 4.2), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        dressed(axes, TITLES[name], "seconds of training, all runs")
        by_factors(axes)
        for place, line in enumerate(lines):
            style = line_style(place)
            if line.trials:
                axes.step(*_staircase(line, name), where="post", **style)
            axes.plot(line.cost.seconds, _reached(line, name), "o", color=style["color"], label=line.label)
    legend = figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(lines), 4), frameon=False
    )
    for text in legend.get_texts():
        text.set_color(INK)
    with atomic_path(path) as aside:
        figure.savefig(aside, format="png", facecolor=PAPER, dpi=120)
    return Path(path)


def _reached(line: Spent, name: str) -> float:
    return line.val_dice if name == "val_dice" else line.metrics.get(name, math.nan)


def _staircase(line: Spent, name: str) -> tuple[list[float], list[float]]:
    """Seconds so far, and the quality of the best run so far, after each run of a sweep."""
    seconds = list(itertools.accumulate(row.cost.seconds for row in line.trials))
    best: Any = None
    reached = []
    for row in line.trials:
        if not math.isnan(row.val_dice) and (best is None or row.val_dice > best.val_dice):
            best = row
        reached.append(math.nan if best is None else quality(best, name))
    return seconds, reached
