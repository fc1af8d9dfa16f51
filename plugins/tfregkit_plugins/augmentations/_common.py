"""What the augmentations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

Probability = Annotated[float, Field(ge=0, le=1)]
Volumes = dict[str, np.ndarray]
LEAST = np.float32(1e-3)


def resampled(volumes: Volumes, at: Callable[[np.ndarray, int], np.ndarray]) -> Volumes:
    """All volumes through `at(volume, spline_order)`: label maps by the nearest voxel (0), the others linearly (1)."""
    return {kind: at(volume, 0 if kind == "labels" else 1) for kind, volume in volumes.items()}


def with_image(volumes: Volumes, change: Callable[[np.ndarray], np.ndarray]) -> Volumes:
    """The image changed, label map and mask as they are. The result is float32."""
    return {**volumes, "image": change(volumes["image"]).astype(np.float32, copy=False)}


def with_intensities(
    volumes: Volumes, change: Callable[[np.ndarray, np.float32], np.ndarray], foreground: bool
) -> Volumes:
    """The image through `change(values, extent)`, `extent` its maximum minus its minimum.

    With `foreground` only the voxels above the minimum are changed, and they stay above it: at least a thousandth of
    the extent. A constant image stays as it is.
    """

    def changed(image: np.ndarray) -> np.ndarray:
        low = image.min()
        extent = image.max() - low
        if extent == 0:
            return image
        if not foreground:
            return change(image, extent)
        inside, result = image > low, image.astype(np.float32)
        result[inside] = np.maximum(change(image[inside], extent), low + LEAST * extent)
        return result

    return with_image(volumes, changed)
