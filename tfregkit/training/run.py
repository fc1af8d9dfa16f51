"""The run directory: what was asked, with which versions, and what came out."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tfregkit.config.source import dump
from tfregkit.errors import RunError
from tfregkit.files import PARTIAL, atomic_path, write_json, write_text
from tfregkit.training.versions import versions

if TYPE_CHECKING:
    from tfregkit.config.experiment import Experiment
    from tfregkit.models.base import Network
    from tfregkit.objective.objective import Objective
    from tfregkit.training.checkpoint import Checkpoints


@dataclass(frozen=True, eq=False)
class Run:
    """A directory with `config.yaml`, `resolved.yaml`, `versions.json` and one folder per stage.

    A stage's folder `<n>-<name>/` holds `metrics.csv`, `tensorboard/`, `checkpoints/` and, when it is done,
    `model.keras`.

    Args:
        path: The directory.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, experiment: Experiment) -> Run:
        """Make the directory and write down the experiment.

        What a run leaves that was killed before `resolved.yaml` was there is replaced.

        Raises:
            RunError: When it exists and holds anything else.
        """
        run = cls(Path(path).absolute())
        if run.path.exists() and not (run.path.is_dir() and _hardly_begun(run.path)):
            raise RunError(
                f"{run.path}: the run directory exists already. Continue it with --resume, or choose another --run-dir."
            )
        run.path.mkdir(parents=True, exist_ok=True)
        run.tidy()
        write_json(run.path / "versions.json", versions())
        with atomic_path(run.path / "config.yaml") as aside:
            shutil.copyfile(experiment.path, aside)
        write_text(run.path / "resolved.yaml", dump(experiment.plain()))  # last: from now on it can be resumed
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """An existing run.

        Raises:
            RunError: When there is none.
        """
        run = cls(Path(path).absolute())
        if not (run.path / "resolved.yaml").is_file():
            what = "has no resolved.yaml, so it is no run directory" if run.path.exists() else "there is no such run"
            raise RunError(f"{run.path}: {what}. A run is made by `tfregkit train CONFIG --run-dir DIR`.")
        return run

    @classmethod
    def of(cls, path: str | Path, experiment: Experiment) -> Run:
        """A run as a worker that is not the chief sees it: nothing is read or written here."""
        run = cls(Path(path).absolute())
        vars(run).update(experiment=experiment, resolved=experiment.plain())
        return run

    @staticmethod
    def exists(path: str | Path) -> bool:
        """Whether there is a run to resume."""
        return (Path(path) / "resolved.yaml").is_file()

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The configuration with everything resolved."""
        return yaml.safe_load((self.path / "resolved.yaml").read_text(encoding="utf-8"))

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment, read from `resolved.yaml`."""
        from tfregkit.config.experiment import load_experiment

        return load_experiment(self.path / "resolved.yaml")

    def tidy(self) -> None:
        """Remove the half-written files of a process that was killed. Only for whoever writes to the run."""
        for path in list(self.path.rglob(f"{PARTIAL}*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def rewrite(self, experiment: Experiment) -> None:
        """Replace `resolved.yaml`: a resumed run may train for longer."""
        write_text(self.path / "resolved.yaml", dump(experiment.plain()))
        vars(self).pop("resolved", None)
        vars(self).pop("experiment", None)

    def stage_path(self, index: int) -> Path:
        """The folder of a stage, numbered from 1."""
        return self.path / f"{index}-{self.resolved['stages'][index - 1]['name']}"

    def checkpoints(self, index: int) -> Checkpoints:
        """The checkpoints of a stage, numbered from 1."""
        from tfregkit.training.checkpoint import Checkpoints

        keep = self.resolved["stages"][index - 1]["trainer"]["keep"]
        return Checkpoints(self.stage_path(index) / "checkpoints", keep)

    @classmethod
    def begun(cls, path: str | Path) -> set[str]:
        """The stages of a run that have a checkpoint to go on from; none where there is no run."""
        run = cls(Path(path).absolute())
        stages = run.resolved["stages"] if cls.exists(path) else []
        return {stage["name"] for index, stage in enumerate(stages, start=1) if run.checkpoints(index).steps()}

    def finished(self, index: int) -> bool:
        """Whether a stage, numbered from 1, has been trained to its end."""
        return (self.stage_path(index) / "model.keras").is_file()

    def network(self, stage: int = -1) -> Network:
        """The network of a stage with its best weights, or the latest where nothing was validated.

        Args:
            stage: From 1, or -1 for the last.

        Raises:
            RunError: When the stage has no checkpoint yet, or the checkpoint does not fit the configuration.
        """
        import keras

        from tfregkit.training.checkpoint import read_facts, restore

        index = self._index(stage)
        path = self.weights(index)
        network = self.experiment.stages[index - 1].model.build()
        inputs = read_facts(path)["inputs"]
        network({name: keras.KerasTensor(shape, "float32") for name, shape in inputs.items()})
        restore(path, {"network": network.variables}, source=f"{self.path / 'resolved.yaml'}")
        return network

    def objective(self, stage: int = -1) -> Objective:
        """The objective of a stage, with the weights its terms had at the network's best.

        Args:
            stage: From 1, or -1 for the last.

        Raises:
            RunError: As `network`.
        """
        import keras

        from tfregkit.training.checkpoint import read_facts, restore
        from tfregkit.training.earlier import EarlierStages
        from tfregkit.training.parts import build_trainer

        index = self._index(stage)
        path = self.weights(index)
        settings, facts = self.experiment.stages[index - 1], read_facts(path)
        if "batch" not in facts:
            raise RunError(f"{path}: was saved by an earlier version, which did not keep the objective. Train again.")
        trainer = build_trainer(settings, settings.model.build(), EarlierStages(self, index))
        integers = ("_labels", "_subject")
        kinds = {name: "int32" if name.endswith(integers) else "float32" for name in facts["batch"]}
        kinds |= facts.get("types", {})  # earlier versions did not keep them
        trainer.build_from({name: keras.KerasTensor(shape, kinds[name]) for name, shape in facts["batch"].items()})
        restore(path, {"objective": trainer.objective.variables}, source=f"{self.path / 'resolved.yaml'}")
        return trainer.objective

    def _index(self, stage: int) -> int:
        return len(self.experiment.stages) if stage == -1 else stage

    def weights(self, stage: int = -1) -> Path:
        """The checkpoint a stage ended with: the best, or the latest where nothing was validated.

        Raises:
            RunError: When nothing has been saved yet.
        """
        index = self._index(stage)
        checkpoints = self.checkpoints(index)
        steps = checkpoints.steps()
        if not checkpoints.best.is_file() and not steps:
            raise RunError(f"{self.stage_path(index)}: nothing has been saved yet. Continue the run with --resume.")
        return checkpoints.best if checkpoints.best.is_file() else checkpoints.path(steps[-1])


def _hardly_begun(folder: Path) -> bool:
    """Whether there is nothing but the first files of `Run.create`, in the order in which it writes them."""
    names = [path.name for path in folder.iterdir() if not path.name.startswith(PARTIAL)]
    return sorted(names) in ([], ["versions.json"], ["config.yaml", "versions.json"])
