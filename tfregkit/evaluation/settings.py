"""The `evaluation` section of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tfregkit.config.settings import Kind, Settings, Spec


class EvaluationSettings(Settings):
    """What is measured when training has ended, and by `tfregkit evaluate`.

    Args:
        metrics: The metrics. One that needs labels or points a pair does not have gives no row for it.
        pairs: Which pairs of the data set are evaluated.
        lambdas: Evaluate once at each of these values; only for networks conditioned on lambda.
        refine: Steps of optimisation for each pair alone, after the network (`register --refine`).
        pictures: Of how many pairs a PNG is written, from the first on.
        planes: The rows of those pictures.
    """

    metrics: list[Annotated[Spec, Kind("metric")]] = Field(
        default=["dice", "dice30", "folds", "sdlogj", "ncc", "tre"], min_length=1
    )
    pairs: Literal["test", "validation"] = "test"
    lambdas: list[Annotated[float, Field(ge=0, le=1)]] | None = Field(default=None, min_length=1)
    refine: int = Field(default=0, ge=0)
    pictures: int = Field(default=1, ge=0)
    planes: list[Literal["axial", "coronal", "sagittal"]] = Field(
        default=["axial", "coronal", "sagittal"], min_length=1
    )

    def with_structures(self, path: Path) -> EvaluationSettings:
        """The same settings with every metric that merges labels reading this JSON file."""
        file = str(Path(path).absolute())
        metrics = [
            {**spec.plain(), "labels": None, "structures": file} if "structures" in spec.parameters else spec
            for spec in self.metrics
        ]
        return type(self).model_validate({**self.plain(), "metrics": metrics})
