"""Contract of the metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """What is known of one registered pair, everything on the fixed image's own grid.

    displacement: `(X, Y, Z, 3)` in voxels of that grid, spacing in mm, `affine` voxel to RAS mm.
    Labels, masks and points are `None` where the pair has none. `*_points` are `(n, 3)` world RAS mm;
    `warped_points_mm` are the fixed points mapped to the moving image's space.
    """

    pair: str
    fixed: np.ndarray
    moving: np.ndarray  # resampled to the fixed grid by the initial affine only: "before"
    moved: np.ndarray
    displacement: np.ndarray
    affine: np.ndarray
    fixed_labels: np.ndarray | None = None
    moving_labels: np.ndarray | None = None  # on the fixed grid by the initial affine only: "before"
    moved_labels: np.ndarray | None = None
    fixed_mask: np.ndarray | None = None
    fixed_points_mm: np.ndarray | None = None
    moving_points_mm: np.ndarray | None = None
    warped_points_mm: np.ndarray | None = None


class Metric:
    """A number, or one per structure, for a registered pair."""

    def __call__(self, case: Case) -> dict[str, float]:
        """Values by key: `""` for the pair as a whole, a structure's name for one structure. NaN where undefined."""
        raise NotImplementedError
