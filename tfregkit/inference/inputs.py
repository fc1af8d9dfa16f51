"""Images as the network was trained to see them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfregkit.data.companion import on_grid_of
from tfregkit.data.normalise import normalise
from tfregkit.data.sampling import affine_sample
from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.volume import Grid, Volume, read_volume
from tfregkit.errors import DataError


def readable(source: Any) -> Volume:
    """An image that can be registered, read unless it is a `Volume`. `DataError` as `read_volume`, or if constant."""
    volume = source if isinstance(source, Volume) else read_volume(source)
    if np.ptp(volume.data) == 0:
        raise DataError(f"{volume.name}: every voxel is {volume.data.flat[0]:g}, so there is nothing to register.")
    return volume


def normalised(volume: Volume, settings: NormalisationSettings, mask: Any = None) -> Volume:
    """The image in the intensities of training. `mask`, on the same grid, is for `region: mask`."""
    region = None if mask is None else on_grid_of(volume, read_volume(mask)).data
    try:
        return Volume(normalise(volume.data, settings, region), volume.grid, volume.path)
    except DataError as error:
        raise DataError(f"{volume.name}: {error}") from error


def seen_from_fixed(moving: Volume, start: np.ndarray) -> Volume:
    """The moving image as if its header had the affine start in it."""
    return Volume(moving.data, Grid(moving.grid.shape, np.linalg.inv(start) @ moving.grid.affine), moving.path)


def on_grid(volume: Volume, grid: Grid, start: np.ndarray) -> np.ndarray:
    """`(1, X, Y, Z, 1)`: what the network sees, prepared as in training."""
    matrix = volume.grid.inverse @ start @ grid.affine
    image = affine_sample(volume.data, matrix, grid.shape, fill=float(volume.data.min()), antialias=True)
    return image[None, ..., None]
