"""Mirror images."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from tfregkit.api import Augmentation
from tfregkit_plugins.augmentations._common import Probability, Volumes


class Flip(Augmentation):
    """Turn scans round along axes, each with its own chance.

    Label values stay: after a flip from left to right a left structure carries the right one's place in both scans of a
    pair, which is why both are flipped alike by default.

    Args:
        axes: Which array axes may be flipped (0 is left-right on the training grid).
        probability: The chance of each axis.
        together: Whether both scans of a pair are flipped alike.
    """

    geometric = True

    def __init__(
        self,
        *,
        axes: Annotated[list[Annotated[int, Field(ge=0, le=2)]], Field(min_length=1)] = (0,),
        probability: Probability = 0.5,
        together: bool = True,
    ) -> None:
        self.axes, self.probability, self.together = list(axes), probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        chosen = [axis for axis in self.axes if rng.random() < self.probability]
        return {kind: np.flip(volume, chosen) for kind, volume in volumes.items()}
