"""A dense displacement with its place in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfregkit.data.grid import Grid
from tfregkit.data.sampling import affine_sample, sample


@dataclass(frozen=True, eq=False)
class Field:
    """A displacement of world points: `x -> x + d(x)`, `d` interpolated linearly between the voxels of `grid`.

    Outside the grid the displacement of the nearest edge voxel holds, so that the map stays continuous. (ITK takes zero
    there.)

    Args:
        grid: Where the vectors are known.
        vectors_mm: `(3, X, Y, Z)` float32, RAS mm.
    """

    grid: Grid
    vectors_mm: np.ndarray

    @classmethod
    def from_voxels(cls, grid: Grid, displacement: np.ndarray) -> Field:
        """From `(X, Y, Z, 3)` in voxels of `grid`: the vectors go through the full direction matrix."""
        vectors = np.einsum("kc,xyzc->kxyz", grid.affine[:3, :3], displacement)
        return cls(grid, np.ascontiguousarray(vectors, dtype=np.float32))

    def to_voxels(self) -> np.ndarray:
        """`(X, Y, Z, 3)` float32 in voxels of `grid`."""
        return np.einsum("ck,kxyz->xyzc", self.grid.inverse[:3, :3], self.vectors_mm).astype(np.float32)

    def at(self, places_mm: np.ndarray) -> np.ndarray:
        """The displacement at world points `(3, ...)`: `(3, ...)` mm."""
        voxels = apply_matrix(self.grid.inverse, places_mm)
        return np.stack([sample(vector, voxels, fill="edge") for vector in self.vectors_mm])

    def on_lattice(self, matrix: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """The displacement at `matrix @ [i, j, k, 1]` (RAS mm) for every voxel of `shape`: `(3, *shape)` mm."""
        to_voxels = self.grid.inverse @ matrix
        return np.stack([affine_sample(vector, to_voxels, shape, fill="edge") for vector in self.vectors_mm])

    def inverted(self, iterations: int = 50, tolerance_mm: float = 1e-3) -> Field:
        """The field that undoes this one, on the same grid: `e <- -d(y + e(y))` until no vector changes by more.

        Converges where `d` has a Lipschitz constant below 1, as a smooth warp has;
        elsewhere the last iterate is returned.
        """
        places = lattice(self.grid.affine, self.grid.shape)
        inverse = -self.vectors_mm
        for _ in range(iterations):
            following = -self.at(places + inverse)
            change = float(np.abs(following - inverse).max())
            inverse = following
            if change < tolerance_mm:
                break
        return Field(self.grid, inverse)


def both_ways(outputs: dict[str, np.ndarray], grid: Grid) -> tuple[Field, Field]:
    """A network's displacement, `(1, X, Y, Z, 3)` in voxels of `grid`, and its inverse.

    The network's own inverse where it gives one, else by fixed-point iteration.
    """
    forward = Field.from_voxels(grid, outputs["displacement"][0])
    if "inverse" in outputs:
        return forward, Field.from_voxels(grid, outputs["inverse"][0])
    return forward, forward.inverted()


def apply_matrix(matrix: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A `(4, 4)` matrix on points `(3, ...)`, in the points' own precision."""
    moved = np.tensordot(matrix[:3, :3].astype(places.dtype), places, axes=1)
    return moved + matrix[:3, 3].astype(places.dtype).reshape(3, *([1] * (places.ndim - 1)))


def lattice(matrix: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """`matrix @ [i, j, k, 1]` for every voxel of `shape`: `(3, *shape)` float32."""
    i, j, k = np.ogrid[tuple(slice(n) for n in shape)]
    places = np.empty((3, *shape), dtype=np.float32)
    for out, row in zip(places, matrix[:3], strict=True):
        out[...] = row[0] * i + (row[1] * j + (row[2] * k + row[3]))
    return places
