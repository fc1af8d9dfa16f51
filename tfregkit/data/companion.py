"""Label maps and masks belong to an image: they lie on its grid."""

from __future__ import annotations

from pathlib import Path

from tfregkit.data.base import Subject
from tfregkit.data.grid import same_grid
from tfregkit.data.volume import Volume, read_grid, read_volume
from tfregkit.errors import DataError


def on_grid_of(image: Volume | Path, volume: Volume) -> Volume:
    """The label map or mask, if it lies on the image's grid.

    Args:
        image: The image, or its path: then only its header is read.
        volume: The label map or mask.

    Raises:
        DataError: If it lies on another grid.
    """
    grid, name = (image.grid, image.name) if isinstance(image, Volume) else (read_grid(image), str(image))
    if not same_grid(volume.grid, grid):
        raise DataError(
            f"{volume.name}: lies on another grid than its image {name}: {volume.grid.describe()}; the image: "
            f"{grid.describe()}. Resample it onto the image first (`tfregkit apply`, nearest for labels)."
        )
    return volume


def labels_of(scan: Subject, image: Volume | None = None) -> Volume:
    """A scan's label map: its own values, or the numbers of the classes that its set makes of them.

    Args:
        scan: One that has a label map.
        image: Its image, if that has been read.

    Raises:
        DataError: If it lies on another grid than the image, or has values that its set does not declare.
    """
    labels = on_grid_of(scan.image if image is None else image, read_volume(scan.labels, labels=True))
    if scan.source:
        labels.data = scan.source.class_numbers(labels.data, labels.name)
    return labels
