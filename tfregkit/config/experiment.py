"""An experiment: one YAML file, read, merged, overridden, validated and ready to be built."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tfregkit import registry
from tfregkit.config.inherit import load, merge
from tfregkit.config.overrides import override
from tfregkit.config.problems import Problems
from tfregkit.config.sections import Reader
from tfregkit.config.settings import Settings
from tfregkit.config.shipped import find_config
from tfregkit.config.source import Node
from tfregkit.config.stage import StageSettings
from tfregkit.config.stage_names import stages_named
from tfregkit.config.sweep import SweepSettings
from tfregkit.evaluation.settings import EvaluationSettings


class PluginSettings(Settings):
    """Which plugin packages an experiment uses."""

    disable: list[str] = Field([], description="Packages to leave out, by the name they were installed under.")


class ExperimentSettings(Settings):
    """The top of a configuration file."""

    seed: int = Field(0, ge=0, description="The one source of randomness: weights, batches, augmentations.")
    plugins: PluginSettings = Field({}, description="Which plugin packages to use.")
    stages: Annotated[list[StageSettings], Field(min_length=1)] = Field(
        description="The stages, run in this order; each has its own folder in the run."
    )
    evaluation: EvaluationSettings | None = Field(
        None, description="What to measure when training has ended; left out, nothing is."
    )
    sweep: SweepSettings | None = Field(
        None, description="Train one run for each of several values of some keys; left out, there is one run."
    )


@dataclass(frozen=True)
class Experiment:
    """A validated experiment. `path` is the file it came from, `tree` what was read, with its lines."""

    path: Path
    settings: ExperimentSettings
    tree: Node | None = field(default=None, compare=False, repr=False)

    @property
    def seed(self) -> int:
        return self.settings.seed

    @property
    def plugins(self) -> list[str]:
        """The packages that are left out."""
        return self.settings.plugins.disable

    @property
    def stages(self) -> list[StageSettings]:
        return self.settings.stages

    @property
    def evaluation(self) -> EvaluationSettings | None:
        return self.settings.evaluation

    @property
    def sweep(self) -> SweepSettings | None:
        return self.settings.sweep

    def where(self, *at: Hashable) -> str:
        """`file:line`, or `--set ...`, of the deepest value that was written along a path of keys and numbers."""
        return Problems(self.tree).where(at) if self.tree else ""

    def plain(self) -> dict[str, Any]:
        """Everything resolved, every default included, paths absolute: what `resolved.yaml` holds and loads again."""
        return self.settings.plain()


def load_experiment(path_or_name: str | Path, overrides: Sequence[str] = (), *, construct: bool = True) -> Experiment:
    """Read a configuration.

    Args:
        path_or_name: A YAML file, or the name of a shipped configuration.
        overrides: `path=value` settings, as `--set` takes them, in order.
        construct: Whether to try each component's constructor, which reports the rules only it knows.

    Raises:
        ConfigError: With one line per problem of the file, its bases and the overrides.
        PluginError: When a plugin is at fault.
    """
    path, root = read_experiment(path_or_name, overrides)
    return validated(path, root, construct=construct)


def read_experiment(path_or_name: str | Path, overrides: Sequence[str] = ()) -> tuple[Path, Node]:
    """The file's path, and its tree with its bases and the overrides, not validated yet."""
    path = find_config(path_or_name)
    root = load(path)
    for setting in overrides:
        override(root, setting)
    return path, root


def validated(path: Path, root: Node, *, construct: bool = True) -> Experiment:
    """The experiment of a tree; see `load_experiment`."""
    with registry.without(_disabled(root)):
        _spread_data(root)
        problems = Problems(root)
        settings = Reader(problems, construct=construct).settings(ExperimentSettings, root, ())
        _check_names(settings, problems)
        problems.raise_any()
    return Experiment(path, settings, root)


def _disabled(root: Node) -> list[str]:
    """`plugins: {disable: [...]}`, which must be known before anything else can be validated."""
    section = root.value.get("plugins", Node(None)).plain()
    names = section.get("disable") if isinstance(section, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _spread_data(root: Node) -> None:
    """Move the top-level `data` section under every stage's own."""
    stages = root.value.get("stages", Node(None)).value
    if "data" not in root.value or not isinstance(stages, list):
        return
    shared = root.value.pop("data")
    for stage in stages:
        if isinstance(stage.value, dict):
            own = stage.value.get("data")
            stage.value["data"] = merge(shared, own) if own else shared


def _check_names(settings: ExperimentSettings, problems: Problems) -> None:
    """A stage's name is its folder, so no two may share one; what a stage takes from another must come before it."""
    if problems:
        return
    names = [stage.name for stage in settings.stages]
    for i, (name, stage) in enumerate(zip(names, settings.stages, strict=True)):
        if name in names[:i]:
            problems.add(("stages", i, "name"), f"two stages are called `{name}`.")
        for at, wanted in stages_named(stage, ("stages", i)):
            if wanted not in names[:i]:
                known = ", ".join(f"`{earlier}`" for earlier in names[:i]) or "none"
                problems.add(at, f"there is no stage `{wanted}` before this one. Earlier stages: {known}")
