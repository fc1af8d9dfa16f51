"""Random changes of contrast about the mean."""

from __future__ import annotations

import numpy as np
from pydantic import NonNegativeFloat

from tfregkit.api import Augmentation
from tfregkit_plugins.augmentations._common import Probability, Volumes, with_intensities


class Contrast(Augmentation):
    """`mean + c (image - mean)` with c = `exp(s)`, s drawn evenly from `-strength` to `strength`.

    Not clipped, unless `foreground`. For volumes of one channel this is what saturation would be, too.

    Args:
        strength: Limit of the logarithm of the factor: 0.2 is 0.82 to 1.22.
        foreground: Change only the voxels above the scan's minimum, about their own mean, and keep them above it: what
            falls lower is clipped at a thousandth of the scan's range above the minimum.
        probability: The chance that anything is done.
        together: Whether both scans of a pair get the same factor.
    """

    def __init__(
        self,
        *,
        strength: NonNegativeFloat = 0.2,
        foreground: bool = False,
        probability: Probability = 1.0,
        together: bool = False,
    ) -> None:
        self.strength, self.foreground = strength, foreground
        self.probability, self.together = probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        if rng.random() >= self.probability:
            return volumes
        factor = np.float32(np.exp(rng.uniform(-self.strength, self.strength)))

        def change(values: np.ndarray, extent: np.float32) -> np.ndarray:
            mean = values.mean(dtype=np.float64).astype(np.float32)
            return mean + factor * (values - mean)

        return with_intensities(volumes, change, self.foreground)
