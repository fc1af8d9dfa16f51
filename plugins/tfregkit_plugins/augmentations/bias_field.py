"""Random uneven brightness, as of a receive coil."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeFloat

from tfregkit.api import Augmentation, smooth_noise
from tfregkit_plugins.augmentations._common import Probability, Volumes, with_image


class BiasField(Augmentation):
    """`low + (image - low) * exp(b)`, b a smooth random field and `low` the scan's minimum, which stays.

    Args:
        strength: Standard deviation of b.
        smoothness: Distance of the knots of the B-splines b is made of, voxels.
        probability: The chance that anything is done.
        together: Whether both scans of a pair get the same field.
    """

    def __init__(
        self,
        *,
        strength: NonNegativeFloat = 0.15,
        smoothness: Annotated[float, Field(ge=2)] = 40.0,
        probability: Probability = 1.0,
        together: bool = False,
    ) -> None:
        self.strength, self.smoothness = strength, smoothness
        self.probability, self.together = probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        if rng.random() >= self.probability:
            return volumes
        field = np.exp(np.float32(self.strength) * smooth_noise(volumes["image"].shape, self.smoothness, rng))
        return with_image(volumes, lambda image: image.min() + (image - image.min()) * field)
