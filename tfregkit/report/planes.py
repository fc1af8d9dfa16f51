"""Slices of a volume through one voxel, for pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import center_of_mass


@dataclass(frozen=True)
class Plane:
    """A slice through voxel `index` of a volume whose axes are R, A, S.

    `across` is the axis looked along; `axes` the two that are seen, rightwards and upwards. `sides` names the picture's
    edges: left, right, bottom, top. The person's left is on the left (neurological convention).
    """

    name: str
    across: int
    axes: tuple[int, int]
    sides: tuple[str, str, str, str]
    index: int = 0

    def image(self, volume: np.ndarray) -> np.ndarray:
        """`(up, right)` pixels of a volume `(X, Y, Z)`, ready for `imshow(origin="lower")`."""
        return np.take(volume, self.index, axis=self.across).T

    def vectors(self, field: np.ndarray) -> np.ndarray:
        """The two components within the plane `(right, up, 2)` of a field `(X, Y, Z, 3)`, in voxels."""
        return np.take(field, self.index, axis=self.across)[..., list(self.axes)]


PLANES = {
    "axial": Plane("axial", 2, (0, 1), ("L", "R", "P", "A")),
    "coronal": Plane("coronal", 1, (0, 2), ("L", "R", "I", "S")),
    "sagittal": Plane("sagittal", 0, (1, 2), ("P", "A", "I", "S")),
}


def centre_of_bright(image: np.ndarray) -> tuple[int, ...]:
    """The voxel at the centre of mass of what is brighter than the mean; the middle voxel of a constant image."""
    bright = image > image.mean()
    if not bright.any():
        return tuple(n // 2 for n in image.shape)
    return tuple(round(c) for c in center_of_mass(bright))
