"""Rows of slices through volumes, one row for each plane: what pictures of scans have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tfregkit.report.planes import PLANES, Plane

INK, PAPER, FAINT, ACCENT = "#e8eaed", "#101215", "#8b9096", "#5ec8f2"
PANEL, GAP, MARGIN, TOP, BOTTOM = 2.3, 0.07, 0.16, 0.78, 0.5  # inches


def check_planes(planes: Sequence[str]) -> None:
    """Refuse an unknown plane, or none, with a `ValueError`."""
    if not planes or set(planes) - set(PLANES):
        raise ValueError(f"`planes` must name one or more of {', '.join(PLANES)}. Received: planes={list(planes)}")


def canvas(
    cuts: Sequence[Plane], shape: Sequence[int], spacing: np.ndarray, columns: Sequence[str]
) -> tuple[Figure, list[list[Any]]]:
    """A figure whose rows are as high as their planes, with empty axes, a row for each plane and titled columns.

    Args:
        cuts: The planes.
        shape: Of the volumes.
        spacing: Of their voxels.
        columns: The titles.
    """
    size = np.array(shape) * spacing
    heights = [PANEL * size[plane.axes[1]] / size[plane.axes[0]] for plane in cuts]
    total_width = len(columns) * (PANEL + GAP) - GAP + 2 * MARGIN
    total = TOP + BOTTOM + sum(heights) + GAP * (len(cuts) - 1)
    figure = Figure(figsize=(total_width, total), facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes, y = [], total - TOP
    for height in heights:
        y -= height
        lefts = [MARGIN + k * (PANEL + GAP) for k in range(len(columns))]
        places = [(x / total_width, y / total, PANEL / total_width, height / total) for x in lefts]
        axes.append([figure.add_axes(place, facecolor="black", xticks=[], yticks=[]) for place in places])
        y -= GAP
    for ax in sum(axes, []):
        ax.spines[:].set_visible(False)
    for ax, name in zip(axes[0], columns, strict=True):
        ax.set_title(name, color=INK, fontsize=11, pad=7)
    return figure, axes


def show(ax: Any, plane: Plane, volume: np.ndarray, spacing: np.ndarray, **style: Any) -> Any:
    """Draw one slice to scale: the axes are in voxels, the picture in millimetres."""
    right, up = plane.axes
    shown = ax.imshow(plane.image(volume), origin="lower", aspect=spacing[up] / spacing[right], **style)
    ax.autoscale(False)
    return shown


def grey_window(image: np.ndarray) -> tuple[float, float]:
    """The grey values shown as black and white."""
    low, high = np.percentile(image, [0.5, 99.7])
    return float(low), float(high) if high > low else float(low) + 1.0


def letters(ax: Any, plane: Plane) -> None:
    """The sides of the body at the edges of the first picture of a row."""
    places = (
        (0.03, 0.5, "left", "center"),
        (0.97, 0.5, "right", "center"),
        (0.5, 0.03, "center", "bottom"),
        (0.5, 0.97, "center", "top"),
    )
    for letter, (x, y, across, along) in zip(plane.sides, places, strict=True):
        ax.text(
            x,
            y,
            letter,
            color=ACCENT,
            fontsize=9,
            ha=across,
            va=along,
            transform=ax.transAxes,
            path_effects=[withStroke(linewidth=2, foreground="black")],
        )


def heading(figure: Figure, title: str, caption: str) -> None:
    """A title on the left above the panels, a caption on the right."""
    y = 1 - 0.27 / figure.get_figheight()
    figure.text(MARGIN / figure.get_figwidth(), y, title, color=INK, fontsize=13, weight="bold", va="center")
    figure.text(1 - MARGIN / figure.get_figwidth(), y, caption, color=FAINT, fontsize=10, ha="right", va="center")
