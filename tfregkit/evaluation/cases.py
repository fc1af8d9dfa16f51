"""A registered pair as the metrics see it: everything resampled once onto the fixed image's own grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfregkit.data.base import Pair, Subject
from tfregkit.data.companion import on_grid_of
from tfregkit.data.sampling import Interpolation, sample
from tfregkit.data.volume import Volume, read_volume
from tfregkit.evaluation.base import Case
from tfregkit.inference.field import Field, apply_matrix, lattice
from tfregkit.inference.points import read_points
from tfregkit.inference.transform import Transform


def make_case(pair: Pair, transform: Transform, initial: Transform | None = None) -> Case:
    """One case of a pair; see `Scans`."""
    return Scans(pair, initial).case(transform)


class Scans:
    """What belongs to a pair, read once, for any number of transforms.

    Args:
        pair: The scans; labels, masks and points are used where there are any.
        initial: The affine start alone; without it, images lie where their headers say. "Before" is measured with it.

    Raises:
        DataError: When a file cannot be used, or labels or a mask lie on another grid than their image.
    """

    def __init__(self, pair: Pair, initial: Transform | None = None) -> None:
        initial = initial or Transform()
        fixed, self._moving = read_volume(pair.fixed.image), read_volume(pair.moving.image)
        fixed_labels, self._labels = _labels(pair.fixed, fixed), _labels(pair.moving, self._moving)
        self._points, moving_points = (_points(scan) for scan in (pair.fixed, pair.moving))
        self._grid = fixed.grid
        self._known = {
            "pair": pair.id,
            "fixed": fixed.data,
            "moving": initial.resample(self._moving, self._grid, fill=float(self._moving.data.min())),
            "affine": self._grid.affine,
            "initial": initial.affine,
            "fixed_labels": fixed_labels and fixed_labels.data,
            "moving_labels": self._labels and initial.resample(self._labels, self._grid, interpolation="nearest"),
            "fixed_mask": pair.fixed.mask and on_grid_of(fixed, read_volume(pair.fixed.mask)).data,
            "fixed_points_mm": self._points,
            "moving_points_mm": moving_points,
            "initial_points_mm": None if self._points is None else initial.map(self._points),
        }

    def case(self, transform: Transform) -> Case:
        """Everything on the fixed grid.

        Args:
            transform: Fixed to moving points in RAS mm, the affine start included.
        """
        grid, places = self._grid, transform.on_grid(self._grid)  # (3, X, Y, Z) mm, once for all that is moved
        vectors_mm = places - lattice(grid.affine, grid.shape)
        return Case(
            **self._known,
            moved=_looked_up(self._moving, places, "linear", float(self._moving.data.min())),
            displacement=Field(grid, vectors_mm).to_voxels(),
            moved_labels=self._labels and _looked_up(self._labels, places, "nearest", 0),
            warped_points_mm=None if self._points is None else transform.map(self._points),
        )


def _looked_up(volume: Volume, places_mm: np.ndarray, interpolation: Interpolation, fill: float) -> np.ndarray:
    """A volume at world points `(3, X, Y, Z)`."""
    return sample(volume.data, apply_matrix(volume.grid.inverse, places_mm), interpolation=interpolation, fill=fill)


def _labels(scan: Subject, image: Volume) -> Volume | None:
    return None if scan.labels is None else on_grid_of(image, read_volume(scan.labels, labels=True))


def _points(scan: Subject) -> np.ndarray | None:
    return None if scan.points is None else read_points(Path(scan.points))[0]
