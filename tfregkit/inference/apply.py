"""Warp files at work: images, label maps and points through one or more of them, interpolated once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from tfregkit.data.sampling import Interpolation
from tfregkit.data.volume import Grid, Volume, nifti_image, overlap, read_grid, read_volume
from tfregkit.data.writing import NIFTI_SUFFIXES
from tfregkit.errors import DataError
from tfregkit.inference.affine_file import read_affine
from tfregkit.inference.field import Field
from tfregkit.inference.transform import Transform
from tfregkit.inference.warps import read_warp


def read_transform(paths: Sequence[str | Path]) -> Transform:
    """One transform of several files, warps and ITK affines, composed in this order from the reference outwards.

    The first file belongs to the reference image's space. (ANTs lists its `-t` in the same order.)
    """
    return Transform(
        tuple(read_warp(path) if str(path).endswith(NIFTI_SUFFIXES) else read_affine(path) for path in paths)
    )


def apply_to_image(
    source: Any,
    transform: Transform,
    reference: Any = None,
    *,
    interpolation: Interpolation = "linear",
    fill: float | None = None,
) -> nib.Nifti1Image:
    """Pull an image onto the reference's grid.

    Args:
        source: A path or nibabel image in the space the transform leads to.
        transform: From the reference's space.
        reference: An image whose grid the result has; by default the grid of the transform's first warp.
        interpolation: `linear`, or `nearest` for label maps.
        fill: The value where the source has none; by default its minimum, and 0 for `nearest`.

    Raises:
        DataError: When something cannot be read, or the transform leads nowhere near the source.
    """
    grid = _reference_grid(transform, reference)
    volume = _read_source(source, interpolation)
    _check_meets(volume, transform, grid)
    if fill is None:
        fill = 0.0 if interpolation == "nearest" else float(volume.data.min())
    data = transform.resample(volume, grid, interpolation=interpolation, fill=fill)
    return nifti_image(data, grid, like=volume, space=None if reference is None else _header_only(reference, grid))


def outside(points_mm: np.ndarray, transform: Transform) -> int:
    """How many points `(n, 3)` lie outside the grid of the transform's first warp, where it is only extrapolated."""
    first = next((part for part in transform.parts[:1] if isinstance(part, Field)), None)
    if first is None:
        return 0
    voxels = first.grid.world_to_voxel(points_mm)
    return int(np.sum(np.any((voxels < -0.5) | (voxels > np.array(first.grid.shape) - 0.5), axis=1)))


def _reference_grid(transform: Transform, reference: Any) -> Grid:
    first = transform.parts[0] if transform.parts else None
    if reference is None:
        if not isinstance(first, Field):
            raise DataError("an affine has no grid of its own: name the image whose grid to use (`--reference`).")
        return first.grid
    grid = read_grid(reference)
    if isinstance(first, Field) and overlap(first.grid, grid) == 0.0:
        raise DataError(
            f"the reference {reference} lies outside the warp's grid: {grid.describe()}; the warp: "
            f"{first.grid.describe()}. The reference of a warp is the fixed image, of an inverse warp the moving one."
        )
    return grid


def _read_source(source: Any, interpolation: Interpolation) -> Volume:
    """Integers are kept exact under `nearest`, however large."""
    volume = read_volume(source)
    return read_volume(source, labels=True) if interpolation == "nearest" and volume.integers is not None else volume


def _check_meets(volume: Volume, transform: Transform, grid: Grid) -> None:
    places = np.array(list(itertools.product(*(np.linspace(0, size - 1, 9) for size in grid.shape))))
    voxels = volume.grid.world_to_voxel(transform.map(grid.voxel_to_world(places)))
    if not np.any(np.all((voxels > -0.5) & (voxels < np.array(volume.grid.shape) - 0.5), axis=1)):
        raise DataError(
            f"{volume.name}: the transform leads nowhere into this image ({volume.grid.describe()}). A warp "
            "takes moving images to the fixed grid, an inverse warp the other way round."
        )


def _header_only(reference: Any, grid: Grid) -> Volume:
    image = reference if isinstance(reference, nib.spatialimages.SpatialImage) else nib.load(reference)
    return Volume(np.empty(0), grid, None, image.header)
