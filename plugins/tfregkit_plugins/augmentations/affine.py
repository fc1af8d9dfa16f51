"""Random affine transforms."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeFloat
from scipy import ndimage

from tfregkit.api import Augmentation
from tfregkit_plugins.augmentations._common import Probability, Volumes, resampled


class Affine(Augmentation):
    """Rotate, scale, shear and shift about the centre: `new(p) = old(A (p - c) + c + t)`, in voxels, edges repeated.

    `A` is the product of the rotations about axes 0, 1, 2, a shear and a scale per axis. Every number is drawn evenly
    from minus to plus its limit.

    Args:
        rotation: Limit of the angle about each axis, degrees.
        scale: Limit of the relative change of size along each axis: 0.1 is 90 % to 110 %.
        shear: Limit of the off-diagonal elements above the diagonal.
        translation: Limit of the shift along each axis, voxels.
        probability: The chance that anything is done.
        together: Whether both scans of a pair get the same transform.
    """

    geometric = True

    def __init__(
        self,
        *,
        rotation: Annotated[float, Field(ge=0, le=180)] = 5.0,
        scale: Annotated[float, Field(ge=0, lt=1)] = 0.05,
        shear: NonNegativeFloat = 0.0,
        translation: NonNegativeFloat = 2.0,
        probability: Probability = 1.0,
        together: bool = False,
    ) -> None:
        self.rotation, self.scale, self.shear, self.translation = rotation, scale, shear, translation
        self.probability, self.together = probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        if rng.random() >= self.probability:
            return volumes
        matrix = self._matrix(rng)
        centre = (np.array(volumes["image"].shape) - 1) / 2
        offset = centre - matrix @ centre + self.translation * rng.uniform(-1, 1, 3)

        def at(volume: np.ndarray, order: int) -> np.ndarray:
            return ndimage.affine_transform(volume, matrix, offset, order=order, mode="nearest")

        return resampled(volumes, at)

    def _matrix(self, rng: np.random.Generator) -> np.ndarray:
        matrix = np.eye(3)
        for axis, angle in enumerate(np.radians(self.rotation) * rng.uniform(-1, 1, 3)):
            i, j = (axis + 1) % 3, (axis + 2) % 3
            turn = np.eye(3)
            turn[[i, j, i, j], [i, j, j, i]] = np.cos(angle), np.cos(angle), -np.sin(angle), np.sin(angle)
            matrix = matrix @ turn
        shear = np.eye(3)
        shear[np.triu_indices(3, 1)] = self.shear * rng.uniform(-1, 1, 3)
        return matrix @ shear @ np.diag(1 + self.scale * rng.uniform(-1, 1, 3))
