"""What registering a pair needs before the network comes: nothing of it depends on lambda."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.volume import Grid, Volume, check_overlap
from tfregkit.inference.affine_fit import fit_affine
from tfregkit.inference.affine_start import affine_start
from tfregkit.inference.fit import Report
from tfregkit.inference.inputs import normalised, on_grid, readable, seen_from_fixed
from tfregkit.inference.layout import Layout
from tfregkit.inference.timing import timed
from tfregkit.objective.base import Similarity


@dataclass(eq=False)
class Prepared:
    """A pair on the network's grid.

    Args:
        moving: The moving image as read.
        fixed: The fixed image as read.
        start: `(4, 4)`, the affine start from fixed to moving points in RAS mm.
        grid: The working grid.
        layout: Its tiles.
        batch: `moving` and `fixed` on it, `(1, X, Y, Z, 1)`.
        seconds: How long each part took.
    """

    moving: Volume
    fixed: Volume
    start: np.ndarray
    grid: Grid
    layout: Layout
    batch: dict[str, np.ndarray]
    seconds: dict[str, float] = field(default_factory=dict)


def prepare(
    moving: Any,
    fixed: Any,
    *,
    plan: Callable[[Grid], tuple[Grid, Layout]],
    normalisation: tuple[NormalisationSettings, NormalisationSettings],
    masks: tuple[Any, Any],
    init: Any,
    affine: Similarity | None,
    report: Report | None,
) -> Prepared:
    """Read two images, normalise them, find the affine start and bring both onto the working grid.

    Args:
        moving: A path, nibabel image or `Volume`.
        fixed: A path, nibabel image or `Volume`.
        plan: The working grid of the fixed image's grid, and its tiles.
        normalisation: Of the moving and the fixed image.
        masks: Of the moving and the fixed image, or None.
        init: The affine start, as `Registration.register` takes it.
        affine: What the affine fit maximises, or None for no fit.
        report: Called after every step of the fit.

    Raises:
        DataError: When an image cannot be used, or the two do not overlap.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, "read"):
        moving_volume, fixed_volume = (readable(source) for source in (moving, fixed))
    with timed(seconds, "prepare"):
        pulled = normalised(moving_volume, normalisation[0], masks[0])
        still = normalised(fixed_volume, normalisation[1], masks[1])
    with timed(seconds, "start"):
        start = affine_start(init, moving_volume, fixed_volume)
        check_overlap(seen_from_fixed(moving_volume, start), fixed_volume)
        if affine is not None:
            start = fit_affine(pulled, still, affine, start, report=report)
    with timed(seconds, "prepare"):
        grid, layout = plan(fixed_volume.grid)
        batch = {"moving": on_grid(pulled, grid, start), "fixed": on_grid(still, grid, np.eye(4))}
    return Prepared(moving_volume, fixed_volume, start, grid, layout, batch, seconds)
