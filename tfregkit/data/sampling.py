"""Images read at arbitrary places. One border rule for all, ITK's: see `sample`."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import ndimage

Interpolation = Literal["linear", "nearest"]
ORDERS = {"linear": 1, "nearest": 0}


def _order(interpolation: str) -> int:
    if interpolation not in ORDERS:
        raise ValueError(f"`interpolation` must be one of {', '.join(ORDERS)}. Received: {interpolation!r}")
    return ORDERS[interpolation]


def sample(
    data: np.ndarray,
    coordinates: np.ndarray,
    *,
    interpolation: Interpolation = "linear",
    fill: float | Literal["edge"] = 0.0,
) -> np.ndarray:
    """`data` at fractional voxel indices.

    A place belongs to the image if it lies in one of its voxels: `-0.5 <= c < d - 0.5` on every axis. Within the outer
    half voxel the edge value holds; outside, `fill` does. (ITK resamples by the same rule, so results agree there.)

    Args:
        data: `(X, Y, Z)`.
        coordinates: `(3, ...)` voxel indices; not finite means outside.
        interpolation: `linear`, or `nearest` (halves round up).
        fill: A number, or `edge` for the nearest voxel of the image.

    Returns:
        An array of shape `coordinates.shape[1:]`: float32 for `linear`, the dtype of `data` for `nearest`.
    """
    order = _order(interpolation)
    inside = np.isfinite(coordinates).all(axis=0)
    places = coordinates if inside.all() else np.where(inside, coordinates, 0.0)
    source = data.astype(np.float32, copy=False) if order else data
    values = ndimage.map_coordinates(source, places, order=order, mode="nearest", output=source.dtype)
    if fill == "edge":
        return values
    for axis, size in enumerate(data.shape):
        inside &= (places[axis] >= -0.5) & (places[axis] < size - 0.5)
    values[~inside] = fill
    return values


def affine_sample(
    data: np.ndarray,
    matrix: np.ndarray,
    shape: tuple[int, int, int],
    *,
    interpolation: Interpolation = "linear",
    fill: float | Literal["edge"] = 0.0,
    antialias: bool = False,
) -> np.ndarray:
    """`sample` at `matrix @ [i, j, k, 1]` for every voxel `(i, j, k)` of an output of the given shape, but quicker.

    Args:
        data: `(X, Y, Z)`.
        matrix: `(4, 4)`, output voxel index to voxel index of `data`.
        shape: The output's.
        interpolation: As in `sample`.
        fill: As in `sample`.
        antialias: For `linear`: blur first along the axes on which the output's voxels are larger than those of `data`.
    """
    order = _order(interpolation)
    source = data.astype(np.float32, copy=False) if order else data
    if order and antialias:
        # Gaussian that turns a source voxel's width into an output voxel's: variances of boxes, (s^2 - 1) / 12.
        step = np.abs(matrix[:3, :3]).max(axis=1)
        sigma = np.sqrt(np.maximum(step**2 - 1.0, 0.0) / 12.0)
        if (sigma > 0.1).any():
            source = ndimage.gaussian_filter(source, np.where(sigma > 0.1, sigma, 0.0), mode="nearest", truncate=3.0)
    values = _whole_steps(source, matrix, shape)
    if values is None:
        values = ndimage.affine_transform(
            source, matrix[:3, :3], matrix[:3, 3], shape, order=order, mode="nearest", output=source.dtype
        )
    if fill == "edge":
        return values
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    inside = np.ones(shape, dtype=bool)
    for row, size in zip(matrix[:3], data.shape, strict=True):
        places = row[0] * axes[0] + row[1] * axes[1] + row[2] * axes[2] + row[3]
        inside &= (places >= -0.5) & (places < size - 0.5)
    values[~inside] = fill
    return values


def _whole_steps(data: np.ndarray, matrix: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray | None:
    """`affine_sample` where axes are only exchanged, turned and shifted by whole voxels, edges continued; else None."""
    whole = np.rint(matrix[:3])
    linear = np.abs(whole[:, :3])
    permutation = linear.max() == 1 and (linear.sum(axis=0) == 1).all() and (linear.sum(axis=1) == 1).all()
    if not permutation or np.abs(matrix[:3] - whole).max() > 1e-6:
        return None
    axes = linear.argmax(axis=1)  # the output axis along each axis of the data
    indices = [
        np.clip(row[axis] * np.arange(shape[axis]) + row[3], 0, size - 1).astype(np.intp)
        for row, axis, size in zip(whole, axes, data.shape, strict=True)
    ]
    return np.ascontiguousarray(data[np.ix_(*indices)].transpose(np.argsort(axes)))
