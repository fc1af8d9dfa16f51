"""Random noise."""

from __future__ import annotations

import numpy as np
from pydantic import NonNegativeFloat

from tfregkit.api import Augmentation
from tfregkit_plugins.augmentations._common import Probability, Volumes, with_image


class Noise(Augmentation):
    """Gaussian noise, independent from voxel to voxel.

    Args:
        strength: Limit of the standard deviation, as a share of the scan's range (maximum minus minimum). Each scan's
            is drawn evenly from 0 to this.
        probability: The chance that anything is done.
        together: Whether both scans of a pair get the same noise.
    """

    def __init__(
        self, *, strength: NonNegativeFloat = 0.03, probability: Probability = 1.0, together: bool = False
    ) -> None:
        self.strength, self.probability, self.together = strength, probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        if rng.random() >= self.probability:
            return volumes
        share = np.float32(rng.uniform(0, self.strength))

        def change(image: np.ndarray) -> np.ndarray:
            return image + share * (image.max() - image.min()) * rng.standard_normal(image.shape, dtype=np.float32)

        return with_image(volumes, change)
