"""Maps of world points, composed exactly; images are resampled through the whole chain once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np

from tfregkit.data.grid import Grid
from tfregkit.data.sampling import Interpolation, affine_sample, sample
from tfregkit.data.volume import Volume
from tfregkit.inference.field import Field, apply_matrix, lattice


@dataclass(frozen=True, eq=False)
class Transform:
    """`T(x) = parts[-1](... parts[0](x))`, RAS mm to RAS mm.

    As ITK's, a transform maps points of the fixed image's space to the moving image's: `moved(x) = moving(T(x))`.

    Args:
        parts: `(4, 4)` affine matrices and `Field`s, the first applied first.
    """

    parts: tuple[np.ndarray | Field, ...] = ()

    @property
    def affine(self) -> np.ndarray | None:
        """The `(4, 4)` matrix of a transform without fields, else None."""
        if any(isinstance(part, Field) for part in self.parts):
            return None
        return reduce(lambda matrix, part: part @ matrix, self.parts, np.eye(4))

    def then(self, *parts: np.ndarray | Field) -> Transform:
        """The transform followed by more parts."""
        return Transform((*self.parts, *parts))

    def map(self, points_mm: np.ndarray) -> np.ndarray:
        """World points `(n, 3)` to `(n, 3)`, float64."""
        places = np.asarray(points_mm, dtype=np.float64).T
        for part in self.parts:
            places = places + part.at(places) if isinstance(part, Field) else apply_matrix(part, places)
        return places.T

    def on_grid(self, grid: Grid) -> np.ndarray:
        """Where every voxel of a grid goes: `(3, X, Y, Z)` float32, RAS mm."""
        matrix, places = grid.affine, None
        for part in self.parts:
            if not isinstance(part, Field):
                if places is None:
                    matrix = part @ matrix
                else:
                    places = apply_matrix(part, places)
            elif places is None:
                places = lattice(matrix, grid.shape)
                places += part.on_lattice(matrix, grid.shape)
            else:
                places += part.at(places)
        return lattice(matrix, grid.shape) if places is None else places

    def resample(
        self,
        volume: Volume,
        grid: Grid,
        *,
        interpolation: Interpolation = "linear",
        fill: float | Literal["edge"] = 0.0,
    ) -> np.ndarray:
        """`volume(T(x))` at every voxel of a grid, interpolated once.

        Returns:
            `grid.shape`; float32 for `linear`, the volume's dtype for `nearest`. Border rule: `data.sampling.sample`.
        """
        if self.affine is not None:
            matrix = volume.grid.inverse @ self.affine @ grid.affine
            return affine_sample(volume.data, matrix, grid.shape, interpolation=interpolation, fill=fill)
        coordinates = self.then(volume.grid.inverse).on_grid(grid)
        return sample(volume.data, coordinates, interpolation=interpolation, fill=fill)


def look_up(
    volume: Volume, places_mm: np.ndarray, interpolation: Interpolation, fill: float | Literal["edge"]
) -> np.ndarray:
    """A volume at world points `(3, ...)`, RAS mm; for several volumes that are carried by one transform."""
    return sample(volume.data, apply_matrix(volume.grid.inverse, places_mm), interpolation=interpolation, fill=fill)
