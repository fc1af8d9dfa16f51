"""Random changes of contrast."""

from __future__ import annotations

import numpy as np
from pydantic import NonNegativeFloat

from tfregkit.api import Augmentation
from tfregkit_plugins.augmentations._common import Probability, Volumes, with_image


class Gamma(Augmentation):
    """`low + (high - low) * ((image - low) / (high - low))^g` with `low`, `high` the scan's extremes: they stay.

    g is `exp(s)`, s drawn evenly from `-strength` to `strength`. A constant scan stays as it is.

    Args:
        strength: Limit of the logarithm of the exponent: 0.3 is 0.74 to 1.35.
        probability: The chance that anything is done.
        together: Whether both scans of a pair get the same exponent.
    """

    def __init__(
        self, *, strength: NonNegativeFloat = 0.3, probability: Probability = 1.0, together: bool = False
    ) -> None:
        self.strength, self.probability, self.together = strength, probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        if rng.random() >= self.probability:
            return volumes
        exponent = np.float32(np.exp(rng.uniform(-self.strength, self.strength)))

        def change(image: np.ndarray) -> np.ndarray:
            low, high = image.min(), image.max()
            return image if low == high else low + (high - low) * ((image - low) / (high - low)) ** exponent

        return with_image(volumes, change)
