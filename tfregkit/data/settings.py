"""The `data` section of a configuration: which scans, on which grid, in which intensities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from tfregkit.config.settings import Kind, Settings, Spec

Percentile = Annotated[float, Field(ge=0, le=100)]


class GridSettings(Settings):
    """The grid of training: axes along R, A, S; one for all scans, but for `mode: own`.

    Args:
        spacing: Voxel size in mm, one number or one for each of R, A, S. Default: that of the scans, if all share one.
        shape: Number of voxels along R, A, S, multiples of the network's stride. Default: enough to cover every scan.
        mode: `resample`: scans are put where their headers say in the world. `centre`: the same, but each scan's centre
            is moved to the grid's (for scans whose headers share no space). `crop_pad`: no interpolation; scans are
            turned to R, A, S and cropped or padded about their centre (they must have the grid's spacing). `own`: each
            scan is resampled over its own field of view, as large as that is, and `crop` says what a batch sees.
        reference: An image whose field of view is the grid's (and spacing, unless `spacing` is given).
    """

    spacing: PositiveFloat | tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    mode: Literal["resample", "centre", "crop_pad", "own"] = "resample"
    reference: Path | None = None

    @model_validator(mode="after")
    def _own_has_no_shape(self) -> GridSettings:
        given = [name for name in ("shape", "reference") if getattr(self, name) is not None]
        if self.mode == "own" and given:
            raise ValueError(f"`mode: own` gives each scan its own field of view. Leave out: {', '.join(given)}")
        return self


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
            augmentation. Multiples of the network's stride. Validation sees whole scans. Default: no cropping. With
            `grid.mode: own` each scan is cropped at a place of its own before augmentation, and validation sees crops
            too, unless the network segments. One that segments sees whole scans by windows of this shape, in validation
            and after training.
        crop_foreground: With `grid.mode: own`: the share of crops that are centred on a labelled voxel, each label of a
            scan as often; of a network that segments, each of its structures'. Those of validation all are. Default:
            0.5.
        crop_margin: With `grid.mode: own`: by how many voxels crops are larger on every side while they are augmented,
            so that what is turned or shifted in comes from the scan. Without, borders are repeated.
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
    crop_foreground: Annotated[float, Field(ge=0, le=1)] | None = None
    crop_margin: NonNegativeInt = 0
    cache: Path | None = None
    workers: PositiveInt = 2

    @model_validator(mode="after")
    def _crops_of_own_grids(self) -> DataSettings:
        if self.grid.mode == "own" and self.crop is None:
            raise ValueError("`grid.mode: own` needs `crop`: scans are of many sizes, and batches of one")
        if self.grid.mode != "own" and (self.crop_foreground is not None or self.crop_margin):
            raise ValueError(
                f"`crop_foreground` and `crop_margin` go with `grid.mode: own`. Received: mode={self.grid.mode}"
            )
        return self

    def normalisation_of(self, role: Literal["moving", "fixed"]) -> NormalisationSettings:
        """The normalisation of scans in this role; inference asks here too."""
        own = self.moving_normalisation if role == "moving" else self.fixed_normalisation
        return own or self.normalisation
