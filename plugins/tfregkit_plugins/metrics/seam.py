"""Seams between blocks."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from keras import ops
from pydantic import Field

from tfregkit.api import Case, Metric
from tfregkit.ops.seam import block_borders, seam_ratio


class Seam(Metric):
    """Mean jump of the deformation across the borders of blocks, over the mean jump between all other neighbours.

    `mean |u(p + e_a) - u(p)|` over the faces of voxels on a border, over that of all other faces; 1 where the borders
    cannot be told from the rest. The affine start is taken out of `u`.

    The borders are those of `count` equal parts of the fixed image along each axis. They are those of the network's
    blocks where its grid has the fixed image's field of view. A grid that was padded has the same centre, and so the
    same border in the middle, but not the others: for an odd `count` or one above 2, evaluate images that need no
    padding. Where a border falls into a voxel (odd sizes) about half of the jump is seen.

    Args:
        count: Blocks along each axis.
    """

    better = "lower"

    def __init__(self, *, count: Annotated[int, Field(ge=2)] = 2) -> None:
        self.count = count

    def __call__(self, case: Case) -> dict[str, float]:
        if not case.displacement.any():  # before registration
            return {"": float("nan")}
        borders = block_borders(case.displacement.shape[:-1], self.count)
        return {"": float(ops.convert_to_numpy(seam_ratio(_deformation(case)[None], borders))[0])}


def _deformation(case: Case) -> np.ndarray:
    """The displacement before the affine start: `u` of `x -> A (x + u(x))`, up to a constant."""
    if case.initial is None:
        return case.displacement
    linear = (np.linalg.inv(case.affine) @ case.initial @ case.affine)[:3, :3].astype(np.float32)
    places = np.stack(np.meshgrid(*map(np.arange, case.displacement.shape[:-1]), indexing="ij"), -1).astype(np.float32)
    return (places + case.displacement) @ np.linalg.inv(linear).T - places
