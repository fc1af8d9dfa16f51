"""The `data` section of a configuration: which scans, on which grid, in which intensities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tfregkit.config.settings import Kind, Settings, Spec

Percentile = Annotated[float, Field(ge=0, le=100)]


class GridSettings(Settings):
    """The common grid of training: axes along R, A, S; one for all scans.

    Args:
        spacing: Voxel size in mm, one number or one for each of R, A, S. Default: that of the scans, if all share one.
        shape: Number of voxels along R, A, S, multiples of the network's stride. Default: enough to cover every scan.
        mode: `resample`: scans are put where their headers say in the world. `centre`: the same, but each scan's centre
            is moved to the grid's (for scans whose headers share no space). `crop_pad`: no interpolation; scans are
            turned to R, A, S and cropped or padded about their centre (they must have the grid's spacing).
        reference: An image whose field of view is the grid's (and spacing, unless `spacing` is given).
    """

    spacing: PositiveFloat | tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    mode: Literal["resample", "centre", "crop_pad"] = "resample"
    reference: Path | None = None


class NormalisationSettings(Settings):
    """Intensities, per scan. All modes are increasing, and linear where they do not clip.

    Args:
        mode: `minmax`: the two percentiles to 0 and 1, clipped. `zscore`: mean 0, standard deviation 1. `window`: the
            two ends of `window` to 0 and 1, clipped (CT). `none`: as stored.
        percentiles: For `minmax`, in percent of the voxels looked at. 0 and 100 are minimum and maximum.
        window: For `window`: lower and upper intensity, e.g. `[-500, 800]`.
        region: Which voxels the statistics look at: `all`, `foreground` (those above the scan's minimum), or `mask`
            (the scan's mask file). The formula is applied to all voxels.
    """

    mode: Literal["minmax", "zscore", "window", "none"] = "minmax"
    percentiles: tuple[Percentile, Percentile] = (0.0, 99.9)
    window: tuple[float, float] | None = None
    region: Literal["all", "foreground", "mask"] = "all"

    @model_validator(mode="after")
    def _consistent(self) -> NormalisationSettings:
        if self.percentiles[0] >= self.percentiles[1]:
            raise ValueError(f"`percentiles` must increase. Received: percentiles={list(self.percentiles)}")
        if self.mode == "window" and self.window is None:
            raise ValueError("mode `window` needs `window: [lower, upper]`")
        if self.window is not None and self.mode != "window":
            raise ValueError(f"`window` is only for mode `window`. Received: mode={self.mode}")
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError(f"`window` must increase. Received: window={list(self.window)}")
        return self


class DataSettings(Settings):
    """What a stage is trained on.

    Args:
        dataset: Where the scans come from.
        grid: The common grid they are put on.
        normalisation: Intensities of all scans.
        moving_normalisation: Instead, for moving scans (e.g. another modality).
        fixed_normalisation: Instead, for fixed scans.
        augmentations: Applied in this order to every training scan, after normalisation.
        distortions: Applied in this order to the views of strategies that compare distorted views of one image: changes
            of intensity alone, drawn anew for each view, after augmentations and crop.
        crop: Training batches are random parts of this shape, at the same place in both scans of a pair, after
            augmentation. Multiples of the network's stride. Validation sees whole scans. Default: no cropping.
        cache: Folder of the prepared scans. Default: the user's cache folder, shared by all runs.
        workers: Threads that prepare scans at the start, and batches during training.
    """

    dataset: Annotated[Spec, Kind("dataset")]
    grid: GridSettings = GridSettings()
    normalisation: NormalisationSettings = NormalisationSettings()
    moving_normalisation: NormalisationSettings | None = None
    fixed_normalisation: NormalisationSettings | None = None
    augmentations: list[Annotated[Spec, Kind("augmentation")]] = []
    distortions: list[Annotated[Spec, Kind("augmentation")]] = []
    crop: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    cache: Path | None = None
    workers: PositiveInt = 2

    def normalisation_of(self, role: Literal["moving", "fixed"]) -> NormalisationSettings:
        """The normalisation of scans in this role; inference asks here too."""
        own = self.moving_normalisation if role == "moving" else self.fixed_normalisation
        return own or self.normalisation
