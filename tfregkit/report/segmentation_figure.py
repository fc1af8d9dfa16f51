"""One picture of one segmented image: the image, its true labels, and those that were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from tfregkit.evaluation.base import Case
from tfregkit.evaluation.canonical import canonical
from tfregkit.files import atomic_path
from tfregkit.report.panels import INK, PAPER, canvas, check_planes, grey_window, heading, letters, show
from tfregkit.report.planes import PLANES, centre_of_bright

TOLD = 10
COLUMNS = ("Image", "Labels", "Segmentation", "Where they differ")


def segmentation_figure(
    case: Case,
    path: str | Path,
    *,
    planes: Sequence[str] = ("axial", "coronal", "sagittal"),
    caption: str = "",
    names: Mapping[int, str] | None = None,
) -> Path:
    """Write one PNG with a row for each plane, in neurological convention with the sides lettered.

    Every label has one colour, in both maps. The last column shows the found label (or the true one, where the
    background was found) of the voxels in which the two differ.

    Args:
        case: `fixed`, `fixed_labels` and `moved_labels`; its axes may be in any order.
        path: The file, written whole or not at all.
        planes: Any of `axial`, `coronal`, `sagittal`; all through the centre of what is labelled.
        caption: A line beside the title.
        names: Structures by label, for the line below that says which colour is which; up to ten are told.

    Raises:
        ValueError: For an unknown plane, or none.
    """
    check_planes(planes)
    case = canonical(case)
    truth, found = case.fixed_labels, case.moved_labels
    spacing = np.linalg.norm(case.affine[:3, :3], axis=0)
    centre = centre_of_bright((truth != 0).astype(np.float32) if truth.any() else case.fixed)
    cuts = [replace(PLANES[name], index=centre[PLANES[name].across]) for name in planes]
    figure, axes = canvas(cuts, case.fixed.shape, spacing, COLUMNS)
    low, high = grey_window(case.fixed)
    wrong = np.where(truth == found, 0, np.where(found != 0, found, truth))
    values = np.union1d(np.unique(truth), np.unique(found))
    values = values[values != 0]
    for row, plane in zip(axes, cuts, strict=True):
        for ax, labels in zip(row, (None, truth, found, wrong), strict=True):
            show(ax, plane, case.fixed, spacing, cmap="gray", vmin=low, vmax=high)
            if labels is not None and len(values):
                colours = np.ma.masked_where(labels == 0, np.searchsorted(values, labels))
                show(ax, plane, colours, spacing, cmap=_palette(len(values)), vmin=-0.5, vmax=len(values) - 0.5,
                     alpha=0.65, interpolation="nearest")  # fmt: skip
        letters(row[0], plane)
    heading(figure, case.pair, caption)
    if 0 < len(values) <= TOLD:
        said = [(names or {}).get(int(value), str(value)) for value in values]
        patches = [Patch(color=_palette(len(values))(k)) for k in range(len(values))]
        figure.legend(patches, said, loc="lower center", ncols=len(said), fontsize=9, frameon=False, labelcolor=INK)
    with atomic_path(path) as aside:
        figure.savefig(aside, format="png", facecolor=PAPER, dpi=120)
    return Path(path)


def _palette(count: int) -> ListedColormap:
    """That many colours; they come again after twenty."""
    known = matplotlib.colormaps["tab20"].colors
    order = [*known[::2], *known[1::2]]  # the strong ones first
    return ListedColormap([order[k % len(order)] for k in range(count)])
