"""The `evaluation` section of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tfregkit.config.settings import Kind, Settings, Spec
from tfregkit.evaluation.base import Direction
from tfregkit.lambdas import checked, parse_lambdas


class EvaluationSettings(Settings):
    """What is measured when training has ended, and by `tfregkit evaluate`.

    Args:
        metrics: The metrics. One that needs labels or points a pair does not have gives no row for it.
        pairs: Which pairs of the data set are evaluated.
        directions: In which directions the one registration of a pair is measured. `registration`: the moving scan's
            labels (image, points), warped onto the fixed scan's grid. `segmentation`: the fixed scan's, warped by the
            inverse onto the moving scan's grid, as an atlas's onto the image it segments.
        lambdas: Evaluate at each of these values, or at those of the list `paper17`; only for networks conditioned on
            lambda. By default at the one that `tfregkit sweep` chose for the run, and at the end of training, when none
            can have been chosen, at `trainer.validation_lambda`.
        refine: Steps of optimisation for each pair alone, after the network (`register --refine`).
        tile: The most voxels of its own grid along an axis that the network sees at once (`register --tile`); `null`:
            all.
        tile_overlap: How many voxels neighbouring tiles share at least; by default a quarter of `tile`.
        pictures: Of how many pairs a PNG is written (one for each lambda), from the first on.
        planes: The rows of those pictures.
    """

    metrics: list[Annotated[Spec, Kind("metric")]] = Field(
        default=["dice", "dice30", "folds", "sdlogj", "ncc", "tre"], min_length=1
    )
    pairs: Literal["test", "validation"] = "test"
    directions: list[Direction] = Field(default=["registration"], min_length=1)
    lambdas: list[Annotated[float, Field(ge=0, le=1)]] | None = Field(default=None, min_length=1)
    refine: int = Field(default=0, ge=0)
    tile: int | None = Field(default=None, ge=1)
    tile_overlap: int | None = Field(default=None, ge=0)
    pictures: int = Field(default=1, ge=0)
    planes: list[Literal["axial", "coronal", "sagittal"]] = Field(
        default=["axial", "coronal", "sagittal"], min_length=1
    )

    @field_validator("lambdas", mode="before")
    @classmethod
    def _named_lambdas(cls, value: Any) -> Any:
        return parse_lambdas(value) if isinstance(value, str) else value

    @field_validator("lambdas")
    @classmethod
    def _each_once(cls, value: list[float] | None) -> list[float] | None:
        return value and list(checked(value))

    @field_validator("directions")
    @classmethod
    def _no_direction_twice(cls, value: list[Direction]) -> list[Direction]:
        if len(set(value)) < len(value):
            raise ValueError(f"a direction is given twice. Received: {', '.join(value)}")
        return value

    @model_validator(mode="after")
    def _overlap_below_tile(self) -> EvaluationSettings:
        if self.tile_overlap is not None and (self.tile is None or self.tile_overlap >= self.tile):
            raise ValueError(
                f"`tile_overlap` must be below `tile`. Received: tile_overlap={self.tile_overlap}, tile={self.tile}"
            )
        return self

    @property
    def registration(self) -> dict[str, int]:
        """What `Registration.register_each` is given besides images and lambdas."""
        options = {"refine": self.refine, "tile": self.tile, "tile_overlap": self.tile_overlap}
        return {name: value for name, value in options.items() if value is not None}

    def with_structures(self, path: Path) -> EvaluationSettings:
        """The same settings with every metric that merges labels reading this JSON file."""
        file = str(Path(path).absolute())
        metrics = [
            {**spec.plain(), "labels": None, "structures": file} if "structures" in spec.parameters else spec
            for spec in self.metrics
        ]
        return type(self).model_validate({**self.plain(), "metrics": metrics})
