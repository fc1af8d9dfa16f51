"""What registering one pair gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from tfregkit.data.companion import on_grid_of
from tfregkit.data.sampling import Interpolation
from tfregkit.data.volume import Volume, nifti_image, read_volume, save_image
from tfregkit.inference.field import Field, lattice
from tfregkit.inference.transform import Transform, look_up
from tfregkit.inference.warps import WarpForm, check_form, warp_image, write_warp


@dataclass(eq=False)
class Result:
    """A registered pair. Images are computed when first asked for, each by one interpolation.

    Args:
        moving_volume: The moving image as read.
        fixed_volume: The fixed image as read.
        transform: Maps points of the fixed image's space to the moving image's (RAS mm), affine start included.
        inverse: The other way round.
        initial: The affine start alone, fixed to moving points: what there was before registration.
        about: What the sidecars tell: inputs, run, lambda, versions, statistics.
        seconds: How long each part took.
    """

    moving_volume: Volume
    fixed_volume: Volume
    transform: Transform
    inverse: Transform
    initial: Transform
    about: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def moved(self) -> nib.Nifti1Image:
        """The moving image on the fixed image's grid, in the type of its file; its minimum where it has no values."""
        data = self.apply(self.moving_volume, interpolation="linear", fill=float(self.moving_volume.data.min()))
        return nifti_image(data, self.fixed_volume.grid, like=self.moving_volume, space=self.fixed_volume)

    @cached_property
    def _places(self) -> np.ndarray:
        """Where every voxel of the fixed grid goes; shared by all that is resampled onto it."""
        return self.transform.on_grid(self.fixed_volume.grid)

    @cached_property
    def warp(self) -> nib.Nifti1Image:
        """The warp in `ants` form (LPS mm) on the fixed image's grid; pulls moving images onto the fixed one."""
        return warp_image(self._places, self.fixed_volume.grid, "ants")

    @cached_property
    def inverse_warp(self) -> nib.Nifti1Image:
        """The inverse warp in `ants` form on the moving image's grid; pulls fixed images onto the moving one."""
        grid = self.moving_volume.grid
        return warp_image(self.inverse.on_grid(grid), grid, "ants")

    @cached_property
    def displacement(self) -> np.ndarray:
        """The whole transform in voxels of the fixed grid, `(X, Y, Z, 3)` float32."""
        grid = self.fixed_volume.grid
        return Field(grid, self._places - lattice(grid.affine, grid.shape)).to_voxels()

    def apply(self, source: Any, interpolation: Interpolation = "nearest", fill: float = 0.0) -> np.ndarray:
        """An image or label map in the moving image's space, on the fixed grid.

        Args:
            source: A path or nibabel image (label maps with `nearest`), or a `Volume`.
            interpolation: `nearest` for label maps, `linear` for images.
            fill: The value where the source has none.
        """
        return look_up(_volume(source, interpolation), self._places, interpolation, fill)

    def moved_labels(self, source: Any) -> nib.Nifti1Image:
        """A label map of the moving image on the fixed grid, in the type of its file.

        Raises:
            DataError: When it lies on another grid than the moving image (`tfregkit apply` takes any grid).
        """
        labels = on_grid_of(self.moving_volume, read_volume(source, labels=True))
        return nifti_image(self.apply(labels), self.fixed_volume.grid, like=labels, space=self.fixed_volume)

    def before(self, source: Any, interpolation: Interpolation = "nearest", fill: float = 0.0) -> np.ndarray:
        """As `apply`, but by the affine start alone: what there was before registration."""
        volume = _volume(source, interpolation)
        return self.initial.resample(volume, self.fixed_volume.grid, interpolation=interpolation, fill=fill)

    def map_points(self, points_mm: np.ndarray) -> np.ndarray:
        """Points `(n, 3)` of the fixed image's space (RAS mm) to the moving image's."""
        return self.transform.map(points_mm)

    def map_points_back(self, points_mm: np.ndarray) -> np.ndarray:
        """Points `(n, 3)` of the moving image's space (RAS mm) to the fixed image's."""
        return self.inverse.map(points_mm)

    def save(
        self,
        *,
        moved: str | Path | None = None,
        warp: str | Path | None = None,
        inverse_warp: str | Path | None = None,
        warp_format: WarpForm = "ants",
    ) -> None:
        """Write what is asked for; each file whole or not at all, warps with their JSON sidecars."""
        for path, volume in ((warp, self.fixed_volume), (inverse_warp, self.moving_volume)):
            if path is not None:
                check_form(warp_format, volume.grid, volume.name)
        if moved is not None:
            save_image(self.moved, moved)
        if warp is not None:
            image = warp_image(self._places, self.fixed_volume.grid, warp_format)
            about = {"maps": "points of fixed to moving", "on": "fixed", **self.about}
            write_warp(warp, image, warp_format, about)
        if inverse_warp is not None:
            grid = self.moving_volume.grid
            image = warp_image(self.inverse.on_grid(grid), grid, warp_format)
            about = {"maps": "points of moving to fixed", "on": "moving", **self.about}
            write_warp(inverse_warp, image, warp_format, about)


def _volume(source: Any, interpolation: Interpolation) -> Volume:
    return source if isinstance(source, Volume) else read_volume(source, labels=interpolation == "nearest")
