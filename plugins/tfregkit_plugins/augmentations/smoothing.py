"""Random loss of sharpness."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import ndimage

from tfregkit.api import Augmentation
from tfregkit_plugins.augmentations._common import Probability, Volumes, with_image


class Smoothing(Augmentation):
    """The image under a Gaussian window, whose width is drawn evenly for each axis; edges repeated.

    Args:
        smallest: Least standard deviation, voxels.
        largest: Greatest standard deviation, voxels.
        probability: The chance that anything is done.
        together: Whether both scans of a pair get the same window.
    """

    def __init__(
        self,
        *,
        smallest: Annotated[float, Field(gt=0)] = 0.25,
        largest: Annotated[float, Field(gt=0)] = 1.5,
        probability: Probability = 1.0,
        together: bool = False,
    ) -> None:
        if smallest > largest:
            raise ValueError(f"`smallest` must not exceed `largest`. Received: smallest={smallest}, largest={largest}")
        self.smallest, self.largest = smallest, largest
        self.probability, self.together = probability, together

    def __call__(self, volumes: Volumes, rng: np.random.Generator) -> Volumes:
        if rng.random() >= self.probability:
            return volumes
        widths = rng.uniform(self.smallest, self.largest, 3)
        return with_image(volumes, lambda image: ndimage.gaussian_filter(image, widths, mode="nearest", truncate=3.0))
