"""Random changes of brightness."""

from __future__ import annotations

import numpy as np
from pydantic import NonNegativeFloat

from tfregkit.api import Augmentation
from tfregkit_plugins.augmentations._common import Probability, Volumes, with_intensities


class Brightness(Augmentation):
    """`image + s (high - low)`, `low` and `high` the scan's extremes, s drawn evenly from `-strength` to `strength`.

    Not clipped, unless `foreground`: the scan's range moves with it. A constant scan stays as it is.

    Args:
        strength: Limit of the shift, as a share of the scan's range (maximum minus minimum).
        foreground: Leave the voxels at the scan's minimum there, and keep all others above it: a shift down is clipped
            at a thousandth of the range above the minimum.
        probability: The chance that anything is done.
        together: Whether both scans of a pair get the same shift.
    """

    def __init__(
        self,
        *,
        strength: NonNegativeFloat = 0.1,
        foreground: bool = False,
        probability: Probability = 1.0,
        together: bool = False,
    ) -> None:
        self.strength, self.foreground = strength, foreground
        self.probability, self.together = probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        if rng.random() >= self.probability:
            return volumes
        share = np.float32(rng.uniform(-self.strength, self.strength))
        return with_intensities(volumes, lambda values, extent: values + share * extent, self.foreground)
