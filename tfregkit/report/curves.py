"""Curves over lambda, and over training: one line for each run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from tfregkit.evaluation.sweep import Sweep
from tfregkit.files import atomic_path
from tfregkit.report.panels import FAINT, INK, PAPER

COLOURS = ("#5ec8f2", "#ffb454", "#8fd694", "#f27f8e", "#c59bf5", "#f2e16b", "#7fd8c8", "#d9a27c")
DASHES = ("-", "--", ":", "-.")
PANELS = {"dice": "Dice", "folds_percent": "folds (%)", "sdlogj": "SD log J"}


def sweep_figure(sweeps: Sequence[Sweep], path: str | Path, *, max_folds: float = 0.5) -> Path:
    """Write one PNG: Dice, folds and SDlogJ over lambda, and Dice over the training step, a curve for each run.

    The chosen lambda of a run is ringed. The percentage of folds is on a logarithmic scale that begins with a linear
    part around 0; the dashed line is the limit. The training curve is `val_dice` of the run's `metrics.csv`, at the
    lambda it was validated at; without one the panel says so.

    Reference: Dey et al. 2022, figure 3, doi:10.1007/978-3-031-16446-0_7.

    Args:
        sweeps: The runs at their lambdas.
        path: The file, written whole or not at all.
        max_folds: The limit, in % of the voxels.
    """
    figure = Figure(figsize=(15.2, 4.3 + 0.24 * math.ceil(len(sweeps) / 4)), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    *panels, training = figure.subplots(1, 4)
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        dressed(axes, title, "lambda")
        for number, sweep in enumerate(sweeps):
            _over_lambda(axes, sweep, name, line_style(number))
    folds = panels[1]
    folds.set_yscale("symlog", linthresh=0.01)
    folds.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
    folds.set_ylim(bottom=0)
    folds.axhline(max_folds, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    folds.annotate(
        f"limit {max_folds:g} %", (1, max_folds), xycoords=("axes fraction", "data"), xytext=(-2, 3),
        textcoords="offset points", color=FAINT, fontsize=8, ha="right",
    )  # fmt: skip
    _training(training, sweeps)
    legend = figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(sweeps), 4), frameon=False
    )
    for text in legend.get_texts():
        text.set_color(INK)
    with atomic_path(path) as aside:
        figure.savefig(aside, format="png", facecolor=PAPER, dpi=120)
    return Path(path)


def training_dice(sweep: Sweep) -> tuple[list[int], list[float]]:
    """Steps and validation Dice of a run's last stage; empty where none was written."""
    path = sweep.run.stage_path(len(sweep.run.resolved["stages"])) / "metrics.csv"
    if not path.is_file():
        return [], []
    frame = pd.read_csv(path)
    if "val_dice" not in frame:
        return [], []
    frame = frame.dropna(subset="val_dice")
    return frame["step"].tolist(), frame["val_dice"].tolist()


def _over_lambda(axes: Any, sweep: Sweep, name: str, style: dict[str, Any]) -> None:
    rows = sorted(sweep.rows, key=lambda row: row.lam)
    axes.plot([row.lam for row in rows], [getattr(row, name) for row in rows], label=sweep.label, marker=".", **style)
    if sweep.chosen is not None:
        axes.plot(
            sweep.chosen.lam, getattr(sweep.chosen, name), "o", markersize=10, fillstyle="none", color=style["color"]
        )


def _training(axes: Any, sweeps: Sequence[Sweep]) -> None:
    dressed(axes, "validation Dice", "training step")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    found = [training_dice(sweep) for sweep in sweeps]
    for number, (steps, dice) in enumerate(found):
        axes.plot(steps, dice, marker="." if len(steps) < 30 else "", **line_style(number))
    if not any(steps for steps, _ in found):
        axes.text(0.5, 0.5, "no validation Dice\nwas recorded", color=FAINT, ha="center", transform=axes.transAxes)


def line_style(number: int) -> dict[str, Any]:
    """A colour, and another dash when the colours are used up."""
    dash = DASHES[number // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": dash, "linewidth": 1.6}


def by_factors(axes: Any) -> None:
    """A logarithmic x axis with ticks at 1, 2 and 5 times the powers of ten, written as numbers."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:g}")
    axes.minorticks_off()


def dressed(axes: Any, title: str, below: str) -> None:
    """Axes in the colours of the reports, with a title and what lies along x."""
    axes.set_facecolor(PAPER)
    axes.set_title(title, color=INK, fontsize=11, pad=8)
    axes.set_xlabel(below, color=FAINT, fontsize=9)
    axes.tick_params(colors=FAINT, labelsize=8)
    axes.grid(color=FAINT, alpha=0.18, linewidth=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
