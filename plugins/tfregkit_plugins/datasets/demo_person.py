"""A person of the `demo` data set: the template, deformed by a known random diffeomorphism, with a new contrast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tfregkit.api import Grid, smooth_noise
from tfregkit_plugins.datasets.demo_anatomy import Anatomy

INTEGRATION_STEPS = 7
KNOTS_MM = 20.0
BIAS_KNOTS_MM = 60.0
FADE_MM = 15.0
INVERSION_ERROR_MM = 1e-3


@dataclass(frozen=True)
class Person:
    """images: `(X, Y, Z)` float32 by modality. labels: `(X, Y, Z)` uint8. points_mm: `(n, 3)` RAS mm, the template's
    landmarks in this person: point i is the same place of the anatomy in everybody.
    """

    images: dict[str, np.ndarray]
    labels: np.ndarray
    points_mm: np.ndarray


def make_person(anatomy: Anatomy, grid: Grid, displacement_mm: float, contrast: float, seed: list[int]) -> Person:
    """Draw a person.

    The image is `T(x + u(x))` with the template T and `x + u(x) = exp(v)(x)`, v a smooth random velocity. A template
    point q is in this person at the p that solves `p + u(p) = q`, with the same u that made the image.

    Args:
        anatomy: The template.
        grid: The person's grid, axes along R, A, S.
        displacement_mm: Root mean square length of v, away from the image's edge.
        contrast: Strength of the changes of intensity; 0 for none.
        seed: Whose.
    """
    rng = np.random.default_rng(seed)
    field = _displacement(grid, displacement_mm, rng)
    places = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grid.shape), indexing="ij"))
    world = grid.voxel_to_world(np.moveaxis(places + field, 0, -1))
    template_voxels = np.moveaxis((world - anatomy.affine[:3, 3]) / np.diag(anatomy.affine)[:3], -1, 0)

    def seen(values: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(values, template_voxels, order=1, output=np.float32)

    shares = np.stack([seen(share) for share in anatomy.structures])
    brain = seen(anatomy.brain)
    labels = shares.argmax(axis=0).astype(np.uint8)
    t1 = seen(anatomy.t1)
    sources = {"T1": t1, "T2": brain * np.clip(1.15 - 0.8 * t1, 0, None)}
    images = {name: _scanned(image, brain, grid, contrast, rng) for name, image in sources.items()}
    return Person(images, labels, _inverse_points(field, grid, anatomy.points_mm))


def _displacement(grid: Grid, size_mm: float, rng: np.random.Generator) -> np.ndarray:
    """`(3, X, Y, Z)` float32 in voxels: `exp(v) - identity` by scaling and squaring.

    v fades to 0 at the image's edge, so that nobody's brain leaves the image.
    """
    spacing = grid.spacing
    noise = np.stack([smooth_noise(grid.shape, KNOTS_MM / spacing, rng) for _ in range(3)])
    for axis, (size, step) in enumerate(zip(grid.shape, spacing, strict=True)):
        edge_mm = step * np.minimum(np.arange(size), np.arange(size)[::-1])
        fade = np.sin(np.pi / 2 * np.minimum(edge_mm / FADE_MM, 1)) ** 2
        noise *= np.moveaxis(fade.astype(np.float32)[:, None, None], 0, axis)
    field = noise * (size_mm / np.sqrt(3) / spacing / 2**INTEGRATION_STEPS)[:, None, None, None].astype(np.float32)
    places = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grid.shape), indexing="ij"))
    for _ in range(INTEGRATION_STEPS):
        field = field + _at(field, places + field)  # u <- u + u(x + u)
    return field


def _at(field: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.stack([ndimage.map_coordinates(c, places, order=1, mode="nearest", output=np.float32) for c in field])


def _inverse_points(field: np.ndarray, grid: Grid, points_mm: np.ndarray) -> np.ndarray:
    """`p` with `p + u(p) = q`, by damped fixed-point steps."""
    target = grid.world_to_voxel(points_mm).T
    places = target.copy()
    for _ in range(500):
        error = target - places - _at(field, places)
        places += 0.7 * error
        if np.abs(error).max() * grid.spacing.max() < INVERSION_ERROR_MM:
            return grid.voxel_to_world(places.T)
    raise ValueError("`displacement` is too large for the landmarks to be followed; make it smaller")


def _scanned(image: np.ndarray, brain: np.ndarray, grid: Grid, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Another scanner: gamma, gain, bias field and noise, within the brain."""
    gamma = np.exp(amount * rng.uniform(-0.25, 0.25))
    bias = np.exp(amount * 0.08 * smooth_noise(grid.shape, BIAS_KNOTS_MM / grid.spacing, rng))
    noise = amount * 0.015 * rng.standard_normal(image.shape, dtype=np.float32)
    gain = 1000 * np.exp(amount * rng.uniform(-0.4, 0.4))
    return np.clip(gain * (image**gamma * bias + noise) * (brain > 0.5), 0, None).astype(np.float32)
