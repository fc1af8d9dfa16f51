"""Label maps and masks belong to an image: they lie on its grid."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tfregkit.data.base import Subject
from tfregkit.data.grid import Grid, same_grid
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
    _check_grid(volume.grid, volume.name, grid, name)
    return volume


def _check_grid(grid: Grid, name: str, image_grid: Grid, image_name: str) -> None:
    if not same_grid(grid, image_grid):
        raise DataError(
            f"{name}: lies on another grid than its image {image_name}: {grid.describe()}; the image: "
            f"{image_grid.describe()}. Resample it onto the image first, to the nearest voxel (nibabel: "
            "`resample_from_to(labels, image, order=0)`)."
        )


def check_companions(scans: Iterable[Subject]) -> None:
    """Look at the headers of the scans' label maps and masks.

    Raises:
        DataError: With a line for each that lies on another grid than its image, or cannot be read.
    """
    problems = []
    for scan in dict.fromkeys(scans):
        for path in filter(None, (scan.labels, scan.mask)):
            try:
                _check_grid(read_grid(path), str(path), read_grid(scan.image), str(scan.image))
            except DataError as error:
                problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))


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
