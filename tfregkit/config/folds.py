"""The runs of a cross-validation: an experiment for each fold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfregkit.config.experiment import load_experiment, validated
from tfregkit.config.source import Mark, Node
from tfregkit.config.trials import Trial
from tfregkit.errors import ConfigError


def load_folds(path_or_name: str | Path, count: int, overrides: Sequence[str] = ()) -> list[Trial]:
    """A run for each fold, `fold-1` and so on: the configuration with `data.dataset.fold` set in every stage.

    Args:
        path_or_name: See `load_experiment`.
        count: How many folds, at least 2.
        overrides: See `load_experiment`.

    Raises:
        ConfigError: What is wrong with the file; when it has a sweep or no evaluation of test pairs, or a data set does
            not take folds.
    """
    experiment = load_experiment(path_or_name, overrides)
    where = f"{experiment.path}: cross-validation"
    if count < 2:
        raise ConfigError(f"{where} needs at least 2 folds. Received: {count}")
    if experiment.sweep is not None:
        raise ConfigError(f"{where} trains one run for each fold, and this configuration has a `sweep`. Take it out.")
    if experiment.evaluation is None or experiment.evaluation.pairs != "test":
        raise ConfigError(f"{where} measures test subjects: it needs a section `evaluation`, with `pairs: test`.")
    for stage in experiment.stages:
        dataset = stage.data.dataset
        if "fold" not in dataset.parameters:
            raise ConfigError(
                f"{where}: stage `{stage.name}`: data set `{dataset.name}` has no parameter `fold`, so its subjects "
                "would be in all folds. Train the stage as a run of its own, and begin with it: `initial`."
            )
    trials = []
    for number in range(1, count + 1):
        plain = experiment.plain()
        for stage in plain["stages"]:
            stage["data"]["dataset"]["fold"] = [number, count]
        tree = Node.of(plain, Mark(str(experiment.path)))
        trials.append(Trial(f"fold-{number}", {"fold": number}, validated(experiment.path, tree)))
    return trials
