"""Scans onto the common grid of training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfregkit.data.base import Subject
from tfregkit.data.companion import labels_of, on_grid_of
from tfregkit.data.grid import Grid, check_multiples, overlap, working_grid
from tfregkit.data.normalise import normalise
from tfregkit.data.sampling import affine_sample
from tfregkit.data.settings import GridSettings, NormalisationSettings
from tfregkit.data.turn import closest_axes
from tfregkit.data.volume import Volume, read_grid, read_volume
from tfregkit.errors import DataError

SPACING_TOLERANCE = 0.02
"""How far, relatively, spacings may differ and still count as one."""


def common_grid(scans: Sequence[Subject], settings: GridSettings, stride: int = 1) -> Grid:
    """The grid of training, from headers alone.

    The field of view is the reference's; else, for `mode: resample`, the box around all scans in the world; else the
    largest extent of any scan along each axis.

    Args:
        scans: All that are trained on or validated with.
        settings: What is asked for.
        stride: Sizes are padded up to multiples of it.

    Raises:
        DataError: If the scans' spacings differ and no spacing is given, the shape is no multiple of the stride, or a
            scan has no overlap with the grid.
    """
    grids = {scan.image: read_grid(scan.image) for scan in scans}
    anchor = read_grid(settings.reference) if settings.reference else next(iter(grids.values()))
    _check_overlap(grids, anchor, settings)
    base = anchor if settings.reference else _field_of_view(list(grids.values()), settings)
    spacing = settings.spacing or (_ras_spacing(base) if settings.reference else shared_spacing(grids))
    check_multiples("grid.shape", settings.shape, stride)
    grid = working_grid(base, spacing, stride, settings.shape)
    _check_overlap(grids, grid, settings)
    return grid


def prepare_image(scan: Subject, grid: Grid, mode: str, settings: NormalisationSettings) -> np.ndarray:
    """The normalised image on the grid, `(X, Y, Z)` float32. Outside of the scan: its smallest value."""
    volume = read_volume(scan.image)
    mask = None
    if settings.region == "mask" and scan.mask:
        mask = on_grid_of(volume, read_volume(scan.mask)).data
    try:
        volume.data = normalise(volume.data, settings, mask)
    except DataError as error:
        raise DataError(f"{scan.image}: {error}") from error
    return to_grid(volume, grid, mode, "linear", fill=float(volume.data.min()))


def prepare_labels(scan: Subject, grid: Grid, mode: str) -> np.ndarray:
    """The label map on the grid in the smallest integer type; 0 outside. Of a set's scan, the classes' numbers."""
    values = to_grid(labels_of(scan), grid, mode, "nearest", fill=0)
    return values.astype(np.promote_types(np.min_scalar_type(values.min()), np.min_scalar_type(values.max())))


def prepare_mask(scan: Subject, grid: Grid, mode: str) -> np.ndarray:
    """The mask on the grid, float32 in [0, 1]; 0 outside."""
    mask = on_grid_of(scan.image, read_volume(scan.mask))
    if mask.data.min() < 0 or mask.data.max() > 1:
        raise DataError(
            f"{mask.name}: a mask has values from 0 to 1. Received: {mask.data.min():g} to {mask.data.max():g}."
        )
    return to_grid(mask, grid, mode, "linear", fill=0.0)


def to_grid(
    volume: Volume, grid: Grid, mode: str, interpolation: Literal["linear", "nearest"], fill: float
) -> np.ndarray:
    """A volume on the grid, by `GridSettings.mode`."""
    if mode == "crop_pad":
        return affine_sample(volume.data, _turn_and_shift(volume, grid), grid.shape, interpolation="nearest", fill=fill)
    matrix = volume.grid.inverse @ grid.affine
    if mode == "centre":
        matrix = volume.grid.inverse @ _translation(volume.grid.centre_mm - grid.centre_mm) @ grid.affine
    return affine_sample(volume.data, matrix, grid.shape, interpolation=interpolation, fill=fill, antialias=True)


def _check_overlap(grids: dict[Path, Grid], target: Grid, settings: GridSettings) -> None:
    for path, own in grids.items() if settings.mode == "resample" else ():
        if overlap(own, target) == 0.0:
            raise DataError(
                f"{path}: lies outside the common field of view: {own.describe()}; the others: {target.describe()}. "
                "If the headers of the scans share no space, use `grid.mode: centre`."
            )


def _turn_and_shift(volume: Volume, grid: Grid) -> np.ndarray:
    """`(4, 4)`, grid voxel to scan voxel: axes exchanged and turned to R, A, S, and a shift by whole voxels."""
    axes, signs = closest_axes(volume.grid)
    if np.abs(volume.grid.spacing[list(axes)] / grid.spacing - 1).max() > SPACING_TOLERANCE:
        raise DataError(
            f"{volume.name}: `grid.mode: crop_pad` does not resample, but the scan's spacing differs from the grid's: "
            f"{volume.grid.describe()}; the grid: {grid.describe()}. Use `grid.mode: resample` or `centre`."
        )
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1.0
    for world, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        size, target = volume.grid.shape[axis], grid.shape[world]
        matrix[axis, world] = sign
        margin = (target - size) // 2  # of the scan within the grid; negative when cropped
        matrix[axis, 3] = -margin if sign > 0 else size - 1 + margin
    return matrix


def _field_of_view(grids: list[Grid], settings: GridSettings) -> Grid:
    """A box in the world: around all grids, or as long as the longest along each axis."""
    corners = np.stack([grid.corners_mm() for grid in grids])  # (n, 8, 3)
    low, high = corners.min(axis=1), corners.max(axis=1)  # (n, 3)
    extent = (high - low).max(axis=0)
    if settings.mode == "resample":
        centre, extent = (low.min(axis=0) + high.max(axis=0)) / 2, high.max(axis=0) - low.min(axis=0)
    else:
        centre = (low[0] + high[0]) / 2
    affine = np.diag([*extent, 1.0])
    affine[:3, 3] = centre
    return Grid((1, 1, 1), affine)  # one voxel as large as the field of view


def _ras_spacing(grid: Grid) -> tuple[float, ...]:
    return tuple(float(grid.spacing[axis]) for axis in closest_axes(grid)[0])


def shared_spacing(grids: dict[Path, Grid]) -> tuple[float, ...]:
    """The spacing of all grids along R, A, S. Raises `DataError`, naming two scans, if there is no such one."""
    (first, grid), *others = grids.items()
    spacing = np.array(_ras_spacing(grid))
    for path, other in others:
        if np.abs(np.array(_ras_spacing(other)) / spacing - 1).max() > SPACING_TOLERANCE:
            raise DataError(
                f"the scans have different spacings: {first} {_text(spacing)} mm, {path} "
                f"{_text(_ras_spacing(other))} mm (along R, A, S). Say which one to train at: `grid.spacing`."
            )
    return tuple(spacing)


def _text(spacing: Sequence[float]) -> str:
    return "x".join(f"{s:.3g}" for s in spacing)


def _translation(shift_mm: np.ndarray) -> np.ndarray:
    matrix: Any = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix
