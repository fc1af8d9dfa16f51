"""Grids of every kind a scanner or a tool writes, and smooth images and warps on them."""

import numpy as np
from scipy import ndimage

from tfregkit.data.volume import Grid, Volume


def rotation(x=0.0, y=0.0, z=0.0):
    """Rotation by angles in degrees about the axes, x first."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(np.radians(a)), np.sin(np.radians(a))) for a in (x, y, z))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def grid(shape, directions, spacing, centre=(7.0, -11.0, 5.0)):
    affine = np.eye(4)
    affine[:3, :3] = directions * np.asarray(spacing)
    affine[:3, 3] = np.asarray(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


GRIDS = {
    "ras": grid((29, 31, 23), np.eye(3), (1.0, 1.0, 1.0)),
    "las": grid((31, 29, 23), np.diag([-1.0, 1.0, 1.0]), (1.0, 1.0, 1.0)),
    "permuted": grid((23, 29, 31), np.eye(3)[:, [2, 0, 1]] * [1, -1, 1], (1.1, 0.9, 1.0), (5.0, -10.0, 6.0)),
    "anisotropic": grid((37, 29, 13), np.diag([1.0, -1.0, 1.0]), (0.8, 1.1, 2.3)),
    "oblique": grid((29, 31, 17), rotation(17, -9, 23) @ np.diag([-1.0, 1.0, 1.0]), (1.0, 0.9, 1.7), (9, -9, 3)),
}


def image(on, seed=0):
    """A smooth, asymmetric, non-negative image that fades to zero at its borders."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=on.shape), 2.0)
    window = np.ones(on.shape)
    for axis, size in enumerate(on.shape):
        profile = np.clip(np.minimum(np.arange(size), size - 1 - np.arange(size)) / 3.0, 0, 1)
        window *= profile.reshape([-1 if k == axis else 1 for k in range(3)])
    return Volume(((noise - noise.min()) / np.ptp(noise) * window * 100).astype(np.float32), on)


def displacement(on, size_mm=3.0, seed=0):
    """A smooth displacement `(X, Y, Z, 3)` in voxels of the grid, at most about `size_mm`, small enough not to fold."""
    rng = np.random.default_rng(seed)
    vectors = np.stack([ndimage.gaussian_filter(rng.normal(size=on.shape), 5.0) for _ in range(3)], axis=-1)
    vectors *= size_mm / np.abs(vectors).max()
    return (vectors @ on.inverse[:3, :3].T).astype(np.float32)


def affine_matrix(seed=0):
    """A mild affine of world points: rotation, scales, shear, translation."""
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(*rng.uniform(-8, 8, 3)) @ (
        np.diag(rng.uniform(0.93, 1.07, 3)) + np.triu(np.full((3, 3), 0.02), 1)
    )
    matrix[:3, 3] = rng.uniform(-2, 2, 3)
    return matrix
