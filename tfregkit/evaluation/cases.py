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
    """Read what belongs to a pair and bring it together on the fixed grid.

    Args:
        pair: The scans; labels, masks and points are used where there are any.
        transform: Fixed to moving points in RAS mm, the affine start included.
        initial: The affine start alone; without it, images lie where their headers say. "Before" is measured with it.

    Raises:
        DataError: When a file cannot be used, or labels or a mask lie on another grid than their image.
    """
    initial = initial or Transform()
    fixed, moving = read_volume(pair.fixed.image), read_volume(pair.moving.image)
    fixed_labels, moving_labels = (_labels(scan, image) for scan, image in ((pair.fixed, fixed), (pair.moving, moving)))
    fixed_points, moving_points = (_points(scan) for scan in (pair.fixed, pair.moving))
    grid, places = fixed.grid, transform.on_grid(fixed.grid)  # (3, X, Y, Z) mm, worked out once for all that is moved
    vectors_mm = places - lattice(grid.affine, grid.shape)
    return Case(
        pair=pair.id,
        fixed=fixed.data,
        moving=initial.resample(moving, grid, fill=float(moving.data.min())),
        moved=_looked_up(moving, places, "linear", float(moving.data.min())),
        displacement=Field(grid, vectors_mm).to_voxels(),
        affine=grid.affine,
        initial=initial.affine,
        fixed_labels=fixed_labels and fixed_labels.data,
        moving_labels=moving_labels and initial.resample(moving_labels, grid, interpolation="nearest"),
        moved_labels=moving_labels and _looked_up(moving_labels, places, "nearest", 0),
        fixed_mask=pair.fixed.mask and on_grid_of(fixed, read_volume(pair.fixed.mask)).data,
        fixed_points_mm=fixed_points,
        moving_points_mm=moving_points,
        warped_points_mm=None if fixed_points is None else transform.map(fixed_points),
        initial_points_mm=None if fixed_points is None else initial.map(fixed_points),
    )


def _looked_up(volume: Volume, places_mm: np.ndarray, interpolation: Interpolation, fill: float) -> np.ndarray:
    """A volume at world points `(3, X, Y, Z)`."""
    return sample(volume.data, apply_matrix(volume.grid.inverse, places_mm), interpolation=interpolation, fill=fill)


def _labels(scan: Subject, image: Volume) -> Volume | None:
    return None if scan.labels is None else on_grid_of(image, read_volume(scan.labels, labels=True))


def _points(scan: Subject) -> np.ndarray | None:
    return None if scan.points is None else read_points(Path(scan.points))[0]
