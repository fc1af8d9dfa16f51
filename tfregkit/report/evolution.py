"""How the fields of a network with levels come about, from coarse to fine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tfregkit.errors import ConfigError
from tfregkit.files import atomic_path
from tfregkit.inference.registration import Registration
from tfregkit.ops import resize_field, warp
from tfregkit.report.panels import FAINT, INK, PAPER
from tfregkit.report.planes import PLANES, Plane, centre_of_bright

FIELDS = {"update": "Update u", "velocity": "Velocity v", "displacement": "Displacement of φ"}
WIDTH = 2.4  # inches


def evolution_figure(
    registration: Registration, moving: Any, fixed: Any, path: str | Path, *, plane: str = "coronal"
) -> Path:
    """Write one PNG with a row for each level of the network, from coarse to fine: its fields, and what they do.

    Fields are drawn as colours, red, green and blue for the components towards R, A and S; grey is no motion. All are
    on the scale of the largest displacement, in voxels of the working grid, where all are resized to. The last column
    is the moving image after the level's displacement; below the rows there are the two images.

    Args:
        registration: A trained network that gives `levels`.
        moving: A path or nibabel image.
        fixed: A path or nibabel image.
        path: The file, written whole or not at all.
        plane: `axial`, `coronal` or `sagittal`, through the centre of the bright part of the fixed image.

    Raises:
        ConfigError: When the network gives no levels, or takes a lambda.
        ValueError: For an unknown plane.

    Reference: Liu et al. 2022, figure 3, doi:10.1109/TPAMI.2021.3115825.
    """
    if plane not in PLANES:
        raise ValueError(f"`plane` must be one of {', '.join(PLANES)}. Received: plane={plane!r}")
    if registration.network.conditioned:
        raise ConfigError("the evolution of fields is not drawn for a network that is conditioned on lambda.")
    pair = registration.prepared(moving, fixed)
    levels = registration.network(pair.batch, training=False).get("levels")
    if not levels:
        name = type(registration.network).__name__
        raise ConfigError(f"network `{name}` gives no `levels`, whose fields could be drawn.")
    images = {name: image[0, ..., 0] for name, image in pair.batch.items()}
    centre = centre_of_bright(images["fixed"])
    cut = replace(PLANES[plane], index=centre[PLANES[plane].across])
    figure = _draw(_rows(levels, pair.batch["moving"]), images, cut)
    with atomic_path(path) as aside:
        figure.savefig(aside, format="png", facecolor=PAPER, dpi=120)
    return Path(path)


def _rows(levels: dict[str, dict[str, Any]], moving: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """By level, from coarse to fine: its fields on the images' grid `(X, Y, Z, 3)`, and the image they move."""
    rows = {}
    for level in sorted(levels, reverse=True):
        fields = {name: resize_field(levels[level][name], moving.shape[1:-1]) for name in FIELDS}
        moved = warp(ops.convert_to_tensor(moving), fields["displacement"])
        rows[level] = {name: ops.convert_to_numpy(field)[0] for name, field in fields.items()}
        rows[level]["moved"] = ops.convert_to_numpy(moved)[0, ..., 0]
    return rows


def _draw(rows: dict[str, dict[str, np.ndarray]], images: dict[str, np.ndarray], cut: Plane) -> Figure:
    limit = max(float(np.abs(row["displacement"]).max()) for row in rows.values()) or 1.0
    low, high = np.percentile(images["moving"], [0.5, 99.7])
    across, along = (images["fixed"].shape[axis] for axis in cut.axes)
    size = (WIDTH * 4 + 0.4, WIDTH * along / across * (len(rows) + 1) + 0.8)
    figure = Figure(figsize=size, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows) + 1, 4)
    for place, (level, row) in zip(axes, rows.items(), strict=False):
        for ax, (name, title) in zip(place, FIELDS.items(), strict=False):
            _show(ax, np.clip(0.5 + 0.5 * row[name] / limit, 0, 1), cut, f"{title}, {level}")
        _show(place[3], row["moved"], cut, f"Moved, {level}", cmap="gray", vmin=low, vmax=high)
    for ax, name in zip(axes[-1], ("moving", "fixed"), strict=False):
        _show(ax, images[name], cut, name.capitalize(), cmap="gray")
    for ax in axes.flat:
        ax.set_axis_off()
    figure.supxlabel(f"full colour: {limit:.1f} voxels", color=FAINT, fontsize=9)
    return figure


def _show(ax: Any, volume: np.ndarray, cut: Plane, title: str, **style: Any) -> None:
    ax.imshow(np.take(volume, cut.index, axis=cut.across).swapaxes(0, 1), origin="lower", **style)
    ax.set_title(title, color=INK, fontsize=9)
