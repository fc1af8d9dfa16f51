"""A registered pair as the metrics see it: everything resampled once onto the fixed image's own grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfregkit.data.base import Pair, Subject
from tfregkit.data.companion import labels_of, on_grid_of
from tfregkit.data.volume import Volume, read_volume
from tfregkit.evaluation.base import Case, Direction
from tfregkit.inference.field import Field, lattice
from tfregkit.inference.points import read_points
from tfregkit.inference.transform import Transform, look_up


def make_case(pair: Pair, transform: Transform, initial: Transform | None = None) -> Case:
    """One case of a pair; see `Scans`."""
    return Scans.read(pair, initial).case(transform)


@dataclass(frozen=True, eq=False)
class Scan:
    """What belongs to one image, as read. The mask is read when it is first asked for."""

    image: Volume
    labels: Volume | None
    points_mm: np.ndarray | None
    mask_file: Path | None

    @classmethod
    def read(cls, subject: Subject) -> Scan:
        """From the files of a scan."""
        image = read_volume(subject.image)
        labels = subject.labels and labels_of(subject, image)
        points = subject.points and read_points(Path(subject.points))[0]
        return cls(image, labels, points, subject.mask)

    @cached_property
    def mask(self) -> np.ndarray | None:
        """On the image's grid."""
        return self.mask_file and on_grid_of(self.image, read_volume(self.mask_file)).data


@dataclass(frozen=True, eq=False)
class Scans:
    """What belongs to a pair, read once, for any number of transforms and both directions.

    Args:
        pair: Its name.
        moving: The scan that is moved.
        fixed: The scan on whose grid everything is looked at.
        initial: The affine start alone. "Before" is measured with it.
        direction: In `segmentation` the scans have changed roles.
    """

    pair: str
    moving: Scan
    fixed: Scan
    initial: Transform = Transform()
    direction: Direction = "registration"

    @classmethod
    def read(cls, pair: Pair, initial: Transform | None = None) -> Scans:
        """From a pair's files; labels, masks and points are used where there are any.

        Args:
            pair: The scans.
            initial: The affine start; without it, images lie where their headers say.

        Raises:
            DataError: When a file cannot be used, or labels lie on another grid than their image.
        """
        fixed, moving = Scan.read(pair.fixed), Scan.read(pair.moving)
        return cls(pair.id, moving, fixed, initial or Transform())

    def turned(self) -> Scans:
        """The pair in segmentation direction: the fixed scan, moved onto the moving scan's grid. For the inverses."""
        back = Transform((np.linalg.inv(self.initial.affine),))
        return Scans(self.pair, self.fixed, self.moving, back, "segmentation")

    def case(self, transform: Transform) -> Case:
        """Everything on the fixed scan's grid.

        Args:
            transform: Fixed to moving points in RAS mm, the affine start included.

        Raises:
            DataError: When the mask cannot be used, or lies on another grid than its image.
        """
        grid = self.fixed.image.grid
        places = transform.on_grid(grid)  # (3, X, Y, Z) mm, once for all that is moved
        vectors_mm = places - lattice(grid.affine, grid.shape)
        image, labels, points = self.moving.image, self.moving.labels, self.fixed.points_mm
        return Case(
            **self._known,
            moved=look_up(image, places, "linear", float(image.data.min())),
            displacement=Field(grid, vectors_mm).to_voxels(),
            moved_labels=labels and look_up(labels, places, "nearest", 0),
            warped_points_mm=None if points is None else transform.map(points),
        )

    @cached_property
    def _known(self) -> dict[str, Any]:
        """What does not depend on the transform."""
        fixed, moving, initial = self.fixed, self.moving, self.initial
        grid = fixed.image.grid
        return {
            "pair": self.pair,
            "direction": self.direction,
            "fixed": fixed.image.data,
            "moving": initial.resample(moving.image, grid, fill=float(moving.image.data.min())),
            "affine": grid.affine,
            "initial": initial.affine,
            "fixed_labels": fixed.labels and fixed.labels.data,
            "moving_labels": moving.labels and initial.resample(moving.labels, grid, interpolation="nearest"),
            "fixed_mask": fixed.mask,
            "fixed_points_mm": fixed.points_mm,
            "moving_points_mm": moving.points_mm,
            "initial_points_mm": None if fixed.points_mm is None else initial.map(fixed.points_mm),
        }
