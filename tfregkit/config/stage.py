"""One stage of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tfregkit.config.settings import Kind, Settings, Spec, StageName
from tfregkit.data.settings import DataSettings
from tfregkit.objective.settings import ObjectiveSettings
from tfregkit.training.settings import TrainerSettings


class OtherRun(Settings):
    """A trained stage of another run."""

    run: Path = Field(description="The run's directory.")
    stage: str | None = Field(None, description="The stage's name. Default: the run's last.")

    def __str__(self) -> str:
        return f"stage `{self.stage}` of {self.run}" if self.stage else f"{self.run}"


class StageSettings(Settings):
    """What is trained, on what, towards what, and how."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", description="The stage's name, and its folder in the run."
    )
    data: DataSettings = Field(description="Where images come from and what is done to them.")
    model: Annotated[Spec, Kind("network")] = Field(description="The network.")
    initial: dict[str, StageName | OtherRun] | None = Field(
        None,
        description="Parts of the network that begin with trained weights, by name: those of an earlier stage, "
        "`{encoder: pretraining}`, or of another run, `{encoder: {run: runs/pretrained}}`. They are trained on from "
        "there.",
    )
    freeze: list[str] = Field(
        [], description="Parts of the network that keep the weights they begin with, by name: `[encoder]`."
    )
    objective: ObjectiveSettings = Field(description="What training makes small.")
    strategy: Annotated[Spec, Kind("strategy")] = Field("unsupervised", description="What one training step computes.")
    trainer: TrainerSettings = Field(description="How long, how fast and on what hardware.")
