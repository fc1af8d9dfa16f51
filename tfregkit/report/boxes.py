"""Box plots of one metric: a box for each structure and run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tfregkit.evaluation.matching import Matched
from tfregkit.files import atomic_path
from tfregkit.report.curves import dressed, line_style
from tfregkit.report.panels import FAINT, INK, PAPER

WHOLE = "all"
"""What the boxes of the pairs as a whole are called: the mean over their structures."""
BOXES, WIDEST = 96, 17.0  # in a row; inches


def box_figure(matched: Matched, path: str | Path, *, unit: str = "") -> Path:
    """Write one PNG: boxes over the pairs, side by side for the runs, for all structures together and for each.

    A box goes from the lower to the upper quartile, with a line at the median; the whiskers reach the furthest value
    within 1.5 times the box's height, and what lies beyond is a dot (Tukey). Where a structure has a value in some of
    the pairs alone, their number stands behind its name. Many structures are laid out in several rows of one scale.

    Args:
        matched: The values.
        path: The file, written whole or not at all.
        unit: Of the values, for the title.
    """
    runs, names = list(matched.values), ["", *matched.structures]
    rows = _rows(names, len(runs))
    across, longest = max(map(len, rows)), max(map(len, names))
    width = min(max(1.6 + across * (0.3 + 0.17 * len(runs)), 4.5), WIDEST)
    below = 0.3 + 0.07 * longest if len(names) > 1 else 0.3
    height = len(rows) * (2.9 + below) + 0.6 + 0.24 * math.ceil(len(runs) / _columns(width))
    figure = Figure(figsize=(width, height), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    panels = np.atleast_1d(figure.subplots(len(rows), 1, sharey=True))
    for number, (axes, row) in enumerate(zip(panels, rows, strict=True)):
        title = f"{matched.metric}{f' ({unit})' if unit else ''}, n = {len(matched.pairs)}" if number == 0 else ""
        dressed(axes, title, "")
        _draw(axes, matched, row, across)
    if len(runs) > 1:
        patches = [Patch(**_face(number), label=run) for number, run in enumerate(runs)]
        figure.legend(
            handles=patches,
            loc="outside lower center",
            ncols=min(len(runs), _columns(width)),
            frameon=False,
            labelcolor=INK,
        )
    with atomic_path(path) as aside:
        figure.savefig(aside, format="png", facecolor=PAPER, dpi=120)
    return Path(path)


def _rows(names: list[str], runs: int) -> list[list[str]]:
    """The structures in rows of nearly equal length, of which none has too many boxes."""
    count = math.ceil(len(names) * runs / BOXES)
    size = math.ceil(len(names) / count)
    return [names[start : start + size] for start in range(0, len(names), size)]


def _draw(axes: Any, matched: Matched, names: list[str], across: int) -> None:
    """The boxes of one row, whose places are those of a full one."""
    step = 0.8 / len(matched.values)
    for number, values in enumerate(matched.values.values()):
        known = [values[name][~np.isnan(values[name])] for name in names]
        places = np.arange(len(names)) + (number + 0.5) * step - 0.4
        colour = line_style(number)["color"]
        axes.boxplot(
            known,
            positions=places,
            widths=0.82 * step,
            patch_artist=True,
            manage_ticks=False,
            boxprops=_face(number),
            medianprops={"color": INK, "linewidth": 1.4},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            flierprops={"marker": ".", "markersize": 4, "markerfacecolor": colour, "markeredgecolor": "none"},
        )
    labels = _labels(matched, names) if matched.structures else [""]
    axes.set_xticks(range(len(names)), labels, rotation=40, ha="right", rotation_mode="anchor")
    if matched.structures and not names[0]:
        axes.axvline(0.5, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), alpha=0.6)
    axes.set_xlim(-0.6, across - 0.4)
    axes.grid(axis="x", visible=False)


def _labels(matched: Matched, names: list[str]) -> list[str]:
    """The structures, with the number of their pairs where some have no value."""
    values = next(iter(matched.values.values()))  # a value that one run lacks, all lack
    counts = [int(np.count_nonzero(~np.isnan(values[name]))) for name in names]
    return [
        f"{name or WHOLE} ({n})" if n < len(matched.pairs) else name or WHOLE
        for name, n in zip(names, counts, strict=True)
    ]


def _columns(width: float) -> int:
    """How many runs the legend has in a line."""
    return max(1, int(width / 2.2))


def _face(number: int) -> dict[str, Any]:
    """How the boxes of a run look."""
    line = line_style(number)
    return {"facecolor": line["color"] + "66", "edgecolor": line["color"], "linestyle": line["linestyle"]}
