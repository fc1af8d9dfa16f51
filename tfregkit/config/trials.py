"""The runs of a sweep: an experiment for each combination of values, all validated before one is trained."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfregkit.config.experiment import Experiment, read_experiment, validated
from tfregkit.config.overrides import put
from tfregkit.config.source import Node
from tfregkit.errors import ConfigError

TABLE = "trials.csv"
"""The table of a sweep's runs, in its directory."""

LONGEST = 120
"""Characters of a trial's name, which is a folder's."""


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Args:
        name: Its values in words, `smoothness.weight=0.1,trainer.learning_rate=0.001`: the run's folder.
        values: By key.
        experiment: The configuration with these values, without the sweep.
    """

    name: str
    values: dict[str, Any]
    experiment: Experiment


def load_trials(path_or_name: str | Path, overrides: Sequence[str] = ()) -> list[Trial]:
    """The runs of a configuration with a section `sweep`, in the order in which they are trained.

    Args:
        path_or_name: See `load_experiment`.
        overrides: See `load_experiment`.

    Raises:
        ConfigError: What is wrong with the file, or with a key or a value of the sweep, by file and line; when two runs
            have the same values.
    """
    path, root = read_experiment(path_or_name, overrides)
    sweep = validated(path, deepcopy(root)).sweep
    section = root.value.pop("sweep")
    written = _written(section)
    trials, problems = [], []
    for draw in sweep.draws():
        values = {key: _value(written[key], found) for key, found in draw.items()}
        tree = deepcopy(root)
        try:
            for key, node in values.items():
                _put(tree, key, node, written[key])
            experiment = validated(path, tree)
        except ConfigError as error:
            problems += str(error).splitlines()
            continue
        plain = {key: node.plain() for key, node in values.items()}
        trials.append(Trial(trial_name(plain), plain, experiment))
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    names = [trial.name for trial in trials]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"{section.mark}: sweep: two of its runs would be the same: {twice[0]}.")
    return trials


def _written(section: Node) -> dict[str, Node]:
    """What the file says about each swept key, with its line."""
    kind = "grid" if section.child("grid") else "random"
    keys = section.child(kind) if kind == "grid" else section.child("random").child("keys")
    return dict(keys.value)


def _value(written: Node, drawn: Any) -> Node:
    """A value as a part of the tree: an item of the list that the file gives, or a number that was drawn."""
    values = written if isinstance(written.value, list) else written.child("choice")
    return Node(drawn, written.mark) if values is None else values.value[drawn]


def _put(tree: Node, key: str, value: Node, written: Node) -> None:
    if not all(key.split(".")) or key.split(".")[0] in ("sweep", "base", "plugins"):
        raise ConfigError(
            f"{written.mark}: sweep: `{key}` cannot be swept. Expected the dotted path of a value, as in "
            "`stages.registration.trainer.learning_rate`."
        )
    put(tree, key, Node(deepcopy(value.value), value.mark), written.mark)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The ends of the keys, of two or more steps, that tell them apart."""
    found = {}
    for key in keys:
        steps = key.split(".")
        ends = (".".join(steps[-count:]) for count in range(min(2, len(steps)), len(steps) + 1))
        others = [other for other in keys if other != key]
        found[key] = next((end for end in ends if not any(f".{o}".endswith(f".{end}") for o in others)), key)
    return found


def trial_name(values: dict[str, Any]) -> str:
    """The name of a run with these values, the same whatever other runs there are; it can be a folder's."""
    shown = short_names(list(values))
    name = ",".join(f"{shown[key]}={_spelled(value)}" for key, value in values.items())
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}-{_digest(name)}"


def _spelled(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    plain = re.sub(r"[^A-Za-z0-9.+-]+", "_", text)
    return text if plain == text and len(text) <= 32 else f"{plain[:24]}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
