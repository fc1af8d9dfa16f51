"""Affine registration of one pair: 12 parameters, coarse to fine, through our own SpatialTransformer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

from tfregkit.data.sampling import affine_sample
from tfregkit.data.volume import Grid, Volume, resample, working_grid
from tfregkit.inference.fit import Fit, Report
from tfregkit.layers import SpatialTransformer
from tfregkit.objective.base import Similarity

LEVELS = ((24, 60, 0.02), (40, 60, 0.01), (72, 40, 0.005))
"""Per level: voxels along the longest axis, steps, and learning rate as a share of the field of view's half width."""


def fit_affine(
    moving: Volume,
    fixed: Volume,
    similarity: Similarity,
    start: np.ndarray | None = None,
    *,
    report: Report | None = None,
) -> np.ndarray:
    """The affine that makes the moving image most alike to the fixed one.

    On each level `A <- A D` with `D(x) = (I + P)(x - c) + c + R t` about the centre `c` of the fixed image; `P` and `t`
    (in units of half the field of view, `R`) are fitted by gradient descent. A level that brings no improvement
    changes nothing. No level is finer than the fixed image's finest spacing; nothing else here is in mm, so that mice
    are registered as men are.

    Args:
        moving: The moving image, normalised.
        fixed: The fixed image, normalised.
        similarity: Any similarity; lower is better.
        start: `(4, 4)` RAS mm, fixed to moving; the identity by default.
        report: Called after every step of each level.

    Returns:
        `(4, 4)` RAS mm, fixed to moving.
    """
    matrix = np.eye(4) if start is None else start
    extent = np.ptp(fixed.grid.corners_mm(), axis=0)
    spacings: list[float] = []
    for voxels, steps, rate in LEVELS:
        spacing = max(float(extent.max()) / voxels, float(fixed.grid.spacing.min()))
        if spacing in spacings:
            continue
        spacings.append(spacing)
        matrix = matrix @ _fit_level(moving, fixed, similarity, matrix, spacing, steps, rate, report)
    return matrix


def _fit_level(
    moving: Volume,
    fixed: Volume,
    similarity: Similarity,
    start: np.ndarray,
    spacing: float,
    steps: int,
    rate: float,
    report: Report | None,
) -> np.ndarray:
    """`D` `(4, 4)` RAS mm."""
    grid = working_grid(fixed.grid, spacing)
    still = resample(fixed, grid, fill=float(fixed.data.min()))
    pulled = affine_sample(
        moving.data,
        moving.grid.inverse @ start @ grid.affine,
        grid.shape,
        fill=float(moving.data.min()),
        antialias=True,
    )
    half = float(np.ptp(grid.corners_mm(), axis=0).mean()) / 2
    fit = Fit(
        np.zeros((3, 4), dtype=np.float32),
        _loss(still, pulled, similarity, half / spacing),
        learning_rate=rate,
        steps=steps,
    )
    best, losses = fit.run(report)
    return _world_matrix(best, grid, half) if min(losses) < losses[0] else np.eye(4)


def _loss(still: np.ndarray, pulled: np.ndarray, similarity: Similarity, half_voxels: float) -> Callable:
    """The similarity as a function of `[P | t]` `(3, 4)`; one that samples looks at the same places in every step."""
    fixed, moving = (ops.convert_to_tensor(image[None, ..., None]) for image in (still, pulled))
    transformer = SpatialTransformer(image_gradient=False)
    identity = np.eye(3, 4, dtype=np.float32)
    units = np.array([1, 1, 1, half_voxels], dtype=np.float32)

    def loss(parameters, noise):
        affine = ops.expand_dims(parameters * units + identity, 0)  # (1, 3, 4), voxels about the centre
        values = similarity(fixed, transformer([moving, affine]))
        return ops.mean(values[0] if similarity.watches else values)

    return loss


def _world_matrix(parameters: np.ndarray, grid: Grid, half_mm: float) -> np.ndarray:
    """`D` of `[P | t]` about the grid's centre. The grid is isotropic with axes along R, A, S: `P` needs no turning."""
    matrix = np.eye(4)
    matrix[:3, :3] += parameters[:, :3]
    matrix[:3, 3] = grid.centre_mm + half_mm * parameters[:, 3] - matrix[:3, :3] @ grid.centre_mm
    return matrix
