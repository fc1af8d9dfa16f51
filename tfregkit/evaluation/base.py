"""Contract of the metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Direction = Literal["registration", "segmentation"]
"""Which scan is moved: the moving one onto the fixed grid, or the fixed one, by the inverse, onto the moving grid."""


@dataclass(frozen=True, eq=False)
class Case:
    """What is known of one registered pair, everything on the fixed image's own grid.

    In segmentation direction the two images have changed roles, and the inverse is the transform: what is called fixed
    here is the pair's moving scan.

    displacement: `(X, Y, Z, 3)` in voxels of that grid, `affine` voxel to RAS mm.
    Labels, masks and points are `None` where the pair has none. `*_points_mm` are `(n, 3)` world RAS mm;
    `warped_points_mm` are the fixed points mapped to the moving image's space.
    """

    pair: str
    fixed: np.ndarray
    moving: np.ndarray  # resampled to the fixed grid by the initial affine only: "before"
    moved: np.ndarray
    displacement: np.ndarray
    affine: np.ndarray
    initial: np.ndarray | None = None  # (4, 4), the initial affine from fixed to moving RAS mm; None: the identity
    fixed_labels: np.ndarray | None = None
    moving_labels: np.ndarray | None = None  # on the fixed grid by the initial affine only: "before"
    moved_labels: np.ndarray | None = None
    fixed_mask: np.ndarray | None = None
    fixed_points_mm: np.ndarray | None = None
    moving_points_mm: np.ndarray | None = None
    warped_points_mm: np.ndarray | None = None
    initial_points_mm: np.ndarray | None = None  # the fixed points mapped by the initial affine only: "before"
    direction: Direction = "registration"  # for messages

    def before(self) -> Case:
        """The same pair as it was before registration, so that every metric has a value to compare with."""
        return replace(
            self,
            moved=self.moving,
            displacement=np.zeros_like(self.displacement),
            moved_labels=self.moving_labels,
            warped_points_mm=self.initial_points_mm,
        )


class Metric:
    """A number, or one per structure, for a registered pair. A plain class: NumPy and SciPy, no Keras."""

    better: Literal["higher", "lower"] = "higher"
    unit: str = ""
    compares_labels: bool = False
    """Whether it looks at the label maps of a case and their grid alone, so that it measures segmentations too."""

    def __call__(self, case: Case) -> dict[str, float]:
        """Values by key: `""` for the pair as a whole, a structure's name for one structure. NaN where undefined.

        An empty dict says that the pair lacks what the metric needs (labels, points): it then has no row.
        """
        raise NotImplementedError

    def pool(self, values: np.ndarray) -> dict[str, float]:
        """Numbers that belong to all pairs together, by name, from the pairs' own values `(n,)`.

        They stand in the summary in place of the mean. Most metrics have none.
        """
        return {}
