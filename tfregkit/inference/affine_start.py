"""Where a registration starts: the affine between the two worlds, before any deformation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfregkit.data.volume import Volume
from tfregkit.errors import DataError
from tfregkit.inference.affine_file import read_affine

KINDS = ("header", "centre", "moments")


def affine_start(init: Any, moving: Volume, fixed: Volume) -> np.ndarray:
    """The start `A` `(4, 4)`: fixed RAS mm to moving RAS mm.

    Args:
        init: `header`: the identity, that is, trust the headers. `centre`: shift so that the middles of the fields of
            view meet. `moments`: shift so that the centres of mass meet (intensity above the image's minimum). A path:
            an ITK affine file. An array `(4, 4)`: that.
        moving: The moving image.
        fixed: The fixed image.

    Raises:
        DataError: If the file cannot be used, or an image is constant and has no centre of mass.
    """
    if isinstance(init, np.ndarray):
        if init.shape != (4, 4) or not np.isfinite(init).all() or abs(np.linalg.det(init[:3, :3])) < 1e-6:
            raise DataError(f"`init` must be an invertible 4x4 matrix. Received: {init.tolist()}")
        return init.astype(np.float64)
    if str(init) == "header":
        return np.eye(4)
    if str(init) == "centre":
        return _shift(moving.grid.centre_mm - fixed.grid.centre_mm)
    if str(init) == "moments":
        return _shift(centre_of_mass_mm(moving) - centre_of_mass_mm(fixed))
    if not Path(init).is_file():
        raise DataError(f"`--init {init}`: is neither one of {', '.join(KINDS)} nor a file.")
    return read_affine(init)


def centre_of_mass_mm(volume: Volume) -> np.ndarray:
    """The mean place `(3,)` in RAS mm, weighted by intensity above the minimum."""
    weights = volume.data - volume.data.min()
    total = weights.sum(dtype=np.float64)
    if total <= 0:
        raise DataError(f"{volume.name}: the image is constant, so it has no centre of mass.")
    profiles = [weights.sum(axis=tuple(a for a in range(3) if a != axis), dtype=np.float64) for axis in range(3)]
    centre = [profile @ np.arange(profile.size) / total for profile in profiles]
    return volume.grid.voxel_to_world(np.array(centre))


def _shift(shift_mm: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix
