"""Curves of what was learned of an objective."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from tfregkit.files import atomic_path
from tfregkit.report.curves import dressed, line_style
from tfregkit.report.panels import FAINT, INK, PAPER


def learned_figure(metrics: Path, names: list[str], path: Path) -> Path:
    """Write one PNG: the learned numbers over the training step on a logarithmic scale, and `val_loss` below.

    Args:
        metrics: The stage's `metrics.csv`.
        names: Its columns of learned numbers.
        path: The file, written whole or not at all.
    """
    frame = pd.read_csv(metrics)
    figure = Figure(figsize=(7.6, 6.4), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    dressed(above, "learned", "")
    above.set_yscale("log")
    above.tick_params(which="minor", colors=FAINT, labelsize=8)
    above.yaxis.set_major_formatter(lambda value, place: f"{value:.3g}")
    above.yaxis.set_minor_formatter(LogFormatter())  # none where they would overlap, over more than a decade
    for number, name in enumerate(names):
        above.plot(frame["step"], frame[name], label=name, **line_style(number))
    beside = above.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    for text in beside.get_texts():
        text.set_color(INK)
    dressed(below, "upper objective on the validation pairs (val_loss)", "training step")
    validated = frame.dropna(subset="val_loss")
    below.plot(validated["step"], validated["val_loss"], marker=".", color=FAINT)
    with atomic_path(path) as aside:
        figure.savefig(aside, format="png", facecolor=PAPER, dpi=120)
    return path
