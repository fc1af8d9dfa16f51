"""Quarter turns."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tfregkit.api import Augmentation
from tfregkit_plugins.augmentations._common import Probability, Volumes


class Rotate90(Augmentation):
    """Turn scans by 90, 180 or 270 degrees in a plane of two array axes, plane and angle drawn evenly.

    Voxels are exchanged, nothing is interpolated. Sizes stay: where a plane's two differ, its turn is 180 degrees. Like
    flips, turns are the same for both scans of a pair by default.

    Args:
        probability: The chance that anything is done.
        together: Whether both scans of a pair are turned alike.
    """

    geometric = True

    def __init__(self, *, probability: Probability = 0.5, together: bool = True) -> None:
        self.probability, self.together = probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        if rng.random() >= self.probability:
            return volumes
        planes = list(combinations(range(3), 2))
        plane, turns = planes[int(rng.integers(len(planes)))], int(rng.integers(1, 4))
        first, second = (volumes["image"].shape[axis] for axis in plane)
        turns = turns if first == second else 2
        return {kind: np.rot90(volume, turns, plane) for kind, volume in volumes.items()}
