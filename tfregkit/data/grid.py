"""Voxel grids in world space. World coordinates are NIfTI's: RAS, in mm."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfregkit.errors import DataError


def check_multiples(key: str, sizes: Sequence[int] | None, stride: int) -> None:
    """Raise a DataError, with sizes that will do, where those of a key are no multiples of the network's stride."""
    if sizes and any(n % stride for n in sizes):
        raise DataError(
            f"`{key}` must be multiples of {stride} for this network. Received: {list(sizes)}; try "
            f"{[-(-n // stride) * stride for n in sizes]}."
        )


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels in the world.

    Args:
        shape: Number of voxels `(X, Y, Z)` along each array axis.
        affine: `(4, 4)` float64, voxel index to RAS mm. Columns may be oblique, flipped or of unequal length.

    Raises:
        DataError: If the affine is not finite, or maps the voxels onto a plane, a line or a point.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise DataError(f"a grid needs three axes with at least one voxel each. Received: shape {shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise DataError(f"the affine is not a finite 4x4 matrix. Received: {affine.tolist()}")
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        if lengths.min() < 1e-9 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-6:
            raise DataError(
                f"the affine is zero or singular, so voxels have no place in the world. Received: {affine.tolist()}"
            )
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @property
    def spacing(self) -> np.ndarray:
        """Voxel size in mm along each array axis `(3,)`."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def inverse(self) -> np.ndarray:
        """`(4, 4)`, RAS mm to voxel index."""
        return np.linalg.inv(self.affine)

    @property
    def centre_mm(self) -> np.ndarray:
        """The middle of the field of view, RAS mm `(3,)`."""
        return self.voxel_to_world((np.array(self.shape) - 1) / 2)

    @property
    def orthogonal(self) -> bool:
        """Whether the axes are at right angles. ITK knows no other grids."""
        directions = self.affine[:3, :3] / self.spacing
        return bool(np.abs(directions.T @ directions - np.eye(3)).max() < 1e-3)

    def voxel_to_world(self, points: np.ndarray) -> np.ndarray:
        """Voxel indices `(..., 3)` to RAS mm `(..., 3)`."""
        return np.asarray(points) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def world_to_voxel(self, points_mm: np.ndarray) -> np.ndarray:
        """RAS mm `(..., 3)` to (fractional) voxel indices `(..., 3)`."""
        inverse = self.inverse
        return np.asarray(points_mm) @ inverse[:3, :3].T + inverse[:3, 3]

    def corners_mm(self) -> np.ndarray:
        """The eight corners of the field of view (outer faces of the corner voxels), RAS mm `(8, 3)`."""
        return self.voxel_to_world(np.array(list(itertools.product(*((-0.5, n - 0.5) for n in self.shape)))))

    def describe(self) -> str:
        """For messages: shape, spacing and the box the field of view fills, in mm."""
        corners = self.corners_mm()
        box = ", ".join(
            f"{axis} {round(low, 2) + 0.0:g}..{round(high, 2) + 0.0:g}"
            for axis, low, high in zip("xyz", corners.min(axis=0), corners.max(axis=0), strict=True)
        )
        spacing = "x".join(f"{s:.3g}" for s in self.spacing)
        return f"{'x'.join(map(str, self.shape))} voxels of {spacing} mm, at {box} mm (RAS)"


def same_grid(a: Grid, b: Grid) -> bool:
    """Whether two grids have one shape and their corners agree to a hundredth of a voxel."""
    if a.shape != b.shape:
        return False
    return bool(np.abs(a.corners_mm() - b.corners_mm()).max() <= 0.01 * min(a.spacing.min(), b.spacing.min()))


def overlap(a: Grid, b: Grid) -> float:
    """The share of the smaller field of view that lies in the other one, in [0, 1], on a lattice of 9^3 points."""
    small, large = sorted((a, b), key=lambda grid: abs(np.linalg.det(grid.affine[:3, :3])) * np.prod(grid.shape))
    lattice = np.stack(np.meshgrid(*(np.linspace(0, n - 1, 9) for n in small.shape), indexing="ij"), axis=-1)
    voxels = large.world_to_voxel(small.voxel_to_world(lattice))
    return float(np.mean(np.all((voxels >= -0.5) & (voxels <= np.array(large.shape) - 0.5), axis=-1)))


def working_grid(
    grid: Grid,
    spacing: float | Sequence[float],
    stride: int = 1,
    shape: Sequence[int] | None = None,
) -> Grid:
    """The grid a network works on: axes along R, A, S; the field of view of `grid`; the same centre.

    Args:
        grid: Whose field of view to cover. An oblique one is covered by its bounding box.
        spacing: Voxel size in mm, one number or one for each of R, A, S.
        stride: Every size is padded up to a multiple of it.
        shape: Sizes to use instead (crops or pads about the centre). They must be multiples of `stride`.
    """
    size_mm = np.broadcast_to(np.asarray(spacing, dtype=np.float64), (3,))
    if not (np.isfinite(size_mm).all() and size_mm.min() > 0):
        raise DataError(f"`spacing` must be positive. Received: spacing={spacing}")
    if shape is None:
        corners = grid.corners_mm()
        extent = corners.max(axis=0) - corners.min(axis=0)
        voxels = np.maximum(np.ceil(extent / size_mm - 1e-3), 1)
        sizes = (np.ceil(voxels / stride) * stride).astype(int)
    else:
        sizes = np.asarray(shape, dtype=int)
        if sizes.shape != (3,) or (sizes % stride).any():
            raise DataError(f"`shape` must be three multiples of {stride}. Received: shape={list(shape)}")
    affine = np.diag([*size_mm, 1.0])
    affine[:3, 3] = grid.centre_mm - size_mm * (sizes - 1) / 2
    return Grid(tuple(sizes), affine)


def on_voxels_of(own: Grid, grid: Grid) -> Grid:
    """A grid shifted by at most half a voxel, onto the voxels of an image whose axes and spacing it has.

    Others stay as they are. Between voxels label maps have no value: the nearest one would be half a voxel off. Where
    two are as near, the image comes to lie in the grid as `grid.mode: crop_pad` puts it there.
    """
    matrix = own.inverse @ grid.affine  # voxel of the grid to voxel of the image
    whole = np.abs(np.rint(matrix[:3, :3]))
    turned = (whole.sum(axis=0) == 1).all() and (whole.sum(axis=1) == 1).all()
    if not turned or np.abs(np.abs(matrix[:3, :3]) - whole).max() > 1e-4:
        return grid
    matrix[:3, 3] = np.rint(matrix[:3, 3] + 1e-3 * np.rint(matrix[:3, :3]).sum(axis=1))
    return Grid(grid.shape, own.affine @ matrix)
