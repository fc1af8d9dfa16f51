"""One picture of one registered pair: fixed, moving, moved, the warp as a grid, and the error before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from tfregkit.evaluation.base import Case
from tfregkit.evaluation.canonical import canonical
from tfregkit.files import atomic_path
from tfregkit.report.panels import FAINT, PAPER, canvas, check_planes, grey_window, heading, letters, show
from tfregkit.report.planes import PLANES, Plane, centre_of_bright
from tfregkit.report.residual import residual
from tfregkit.report.stretch import log2_volume_change

VOLUME_CHANGE = LinearSegmentedColormap.from_list("volume", ["#7fd8ff", "#1b6fa8", "#16191d", "#a8501b", "#ffbe7f"])
COLUMNS = ("Fixed", "Moving", "Moved", "Warp", "Error before", "Error after")


@dataclass(frozen=True, eq=False)
class _Panels:
    """Everything the picture shows, on R, A, S axes."""

    images: tuple[np.ndarray, np.ndarray, np.ndarray]  # fixed, moving, moved
    stretch: np.ndarray  # log2 of the local change of volume
    errors: tuple[np.ndarray, np.ndarray]  # before, after
    field: np.ndarray
    spacing: np.ndarray


def registration_figure(
    case: Case,
    path: str | Path,
    *,
    planes: Sequence[str] = ("axial", "coronal", "sagittal"),
    title: str | None = None,
    caption: str = "",
) -> Path:
    """Write one PNG with a row for each plane, in neurological convention with the sides lettered.

    The grid shows where the points of a regular grid on the fixed image are taken from, `p + u(p)` within the plane,
    beyond the initial affine; the colour below it is the local change of volume, `det J`. The error is
    `|fixed - f(moved)|` with `f` as in `residual`, on one scale before and after.

    Args:
        case: The pair; its axes may be in any order, oblique grids are shown along their nearest R, A, S axes.
        path: The file, written whole or not at all.
        planes: Any of `axial`, `coronal`, `sagittal`; all through the centre of the bright part of the fixed image.
        title: Above the picture; the pair's name by default.
        caption: A line beside the title (such as the Dice before and after).

    Raises:
        ValueError: For an unknown plane, or none.
    """
    check_planes(planes)
    panels = _panels(canonical(case))
    centre = centre_of_bright(panels.images[0])
    cuts = [replace(PLANES[name], index=centre[PLANES[name].across]) for name in planes]
    figure, axes = canvas(cuts, panels.field.shape[:3], panels.spacing, COLUMNS)
    limits = [grey_window(image) for image in panels.images]
    error_limit = max(float(np.percentile(panels.errors[0], 99.5)), 1e-6)
    for row, plane in zip(axes, cuts, strict=True):
        for ax, image, (low, high) in zip(row, panels.images, limits, strict=False):
            show(ax, plane, image, panels.spacing, cmap="gray", vmin=low, vmax=high)
        warp = show(row[3], plane, panels.stretch, panels.spacing, cmap=VOLUME_CHANGE, vmin=-1.5, vmax=1.5)
        _grid(row[3], plane, panels)
        for ax, error in zip(row[4:], panels.errors, strict=True):
            heat = show(ax, plane, error, panels.spacing, cmap="inferno", vmin=0.0, vmax=error_limit)
        letters(row[0], plane)
    _colour_bars(figure, axes[-1], warp, heat)
    heading(figure, title or case.pair, caption)
    with atomic_path(path) as aside:
        figure.savefig(aside, format="png", facecolor=PAPER, dpi=120)
    return Path(path)


def _panels(case: Case) -> _Panels:
    """The six volumes of the six columns."""
    after, before = residual(case.fixed, case.moved, case.moving)
    field = _deformation(case)
    return _Panels(
        images=(case.fixed, case.moving, case.moved),
        stretch=log2_volume_change(field),
        errors=(before, after),
        field=field,
        spacing=np.linalg.norm(case.affine[:3, :3], axis=0),
    )


def _deformation(case: Case) -> np.ndarray:
    """`A^-1(T(p)) - p`: the displacement beyond the initial affine `A`, `(X, Y, Z, 3)` in voxels."""
    if case.initial is None:
        return case.displacement
    to_fixed = np.linalg.inv(case.initial @ case.affine) @ case.affine
    index = np.stack(np.meshgrid(*map(np.arange, case.displacement.shape[:3]), indexing="ij"), -1)
    return (index + case.displacement) @ to_fixed[:3, :3].T + to_fixed[:3, 3] - index


def _grid(ax: Any, plane: Plane, panels: _Panels) -> None:
    """Lines of a regular grid on the fixed image, at the places they are taken from."""
    vectors = plane.vectors(panels.field)
    index = np.stack(np.meshgrid(*map(np.arange, vectors.shape[:2]), indexing="ij"), -1)
    points = index + vectors
    steps = [
        max(1, round(min(vectors.shape[:2]) / 26 * panels.spacing[list(plane.axes)].min() / s))
        for s in panels.spacing[list(plane.axes)]
    ]
    lines = [points[i] for i in range(steps[0] // 2, points.shape[0], steps[0])]
    lines += [points[:, j] for j in range(steps[1] // 2, points.shape[1], steps[1])]
    ax.add_collection(LineCollection(lines, colors="#cfd4da", linewidths=0.6, alpha=0.8))


def _colour_bars(figure: Figure, row: Sequence[Any], warp: Any, heat: Any) -> None:
    """One bar below the warp, one below both errors."""
    limit = heat.get_clim()[1]
    _colour_bar(figure, warp, row[3:4], {"0.5": -1.0, "det J = 1": 0.0, "2": 1.0})
    _colour_bar(figure, heat, row[4:6], {"0": 0.0, f"{limit:.3g}": limit})


def _colour_bar(figure: Figure, shown: Any, above: Sequence[Any], ticks: dict[str, float]) -> None:
    left, right, height = above[0].get_position(), above[-1].get_position(), figure.get_figheight()
    inset = 0.1 * (right.x1 - left.x0)
    place = (left.x0 + inset, left.y0 - 0.17 / height, right.x1 - left.x0 - 2 * inset, 0.07 / height)
    bar = figure.colorbar(shown, cax=figure.add_axes(place), orientation="horizontal", ticks=list(ticks.values()))
    bar.set_ticklabels(list(ticks), color=FAINT, fontsize=8)
    bar.ax.tick_params(length=0, pad=3)
    bar.outline.set_visible(False)
