"""A labelled image whose labels are carried to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfregkit.data.companion import on_grid_of
from tfregkit.data.volume import Volume, read_volume
from tfregkit.errors import DataError
from tfregkit.inference.inputs import readable

LABEL_TYPES = (np.uint8, np.int16, np.uint16, np.int32)


@dataclass(frozen=True, eq=False)
class Atlas:
    """An image and its label map.

    Args:
        image: A path or nibabel image; read anew for every registration, so that many atlases need little memory.
        labels: The label map as read, in the smallest type that holds it.
        mask: A mask on the image's grid, for runs whose normalisation looks at masks.
    """

    image: Any
    labels: Volume
    mask: Any = None

    @classmethod
    def read(cls, image: Any, labels: Any, mask: Any = None) -> Atlas:
        """Read the label map, and see that the image can be used.

        Args:
            image: A path or nibabel image.
            labels: A path or nibabel image of whole numbers on the same grid; 0 is the background.
            mask: A path or nibabel image.

        Raises:
            DataError: When one of them cannot be used, lies on another grid than the image, or has no label.
        """
        volume, found = readable(image), read_volume(labels, labels=True)
        on_grid_of(volume, found)
        if mask is not None:
            on_grid_of(volume, read_volume(mask))
        if not found.data.any():
            raise DataError(f"{found.name}: every voxel is 0, so there is no label to carry to other images.")
        narrow = found.data.astype(label_type([found.data]))
        return cls(image, Volume(narrow, found.grid, found.path, found.header, found.integers), mask)


def label_type(maps: Sequence[np.ndarray]) -> np.dtype:
    """The smallest integer type of NIfTI that holds all the labels: uint8, int16, uint16 or int32."""
    low, high = min(int(labels.min()) for labels in maps), max(int(labels.max()) for labels in maps)
    fitting = (kind for kind in LABEL_TYPES if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return np.dtype(next(fitting))
