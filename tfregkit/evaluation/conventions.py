"""What the numbers of a table were measured with: a metric's name does not tell its parameters.

They stand in a JSON beside the CSV, `metrics.json` beside `metrics.csv`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfregkit.config.settings import Spec
from tfregkit.files import write_json

Conventions = dict[str, dict[str, Any]]
"""The parameters of metrics, by the name of their rows."""


def named(specs: Sequence[Spec]) -> dict[str, Spec]:
    """Metrics by the name of their rows. A second one of the same name is `name_2`, and so on."""
    found: dict[str, Spec] = {}
    for spec in specs:
        number, name = 1, spec.name
        while name in found:
            number += 1
            name = f"{spec.name}_{number}"
        found[name] = spec
    return found


def parameters(spec: Spec) -> dict[str, Any]:
    """A metric and its parameters as plain data. The contents of a `structures` file stand there as `labels`."""
    plain = spec.plain()
    if {"structures", "labels"} <= plain.keys():
        path = plain.pop("structures")
        labels = json.loads(Path(path).read_text(encoding="utf-8")) if path else plain["labels"] or {}
        merged = {name: sorted(v) if isinstance(v, list) else [v] for name, v in labels.items()}
        plain["labels"] = merged or None
    return plain


def write_conventions(table: Path, conventions: Conventions, **more: Any) -> None:
    """Write the JSON beside a table, which is written after it: an earlier table goes, so that none has another's JSON.

    Args:
        table: The CSV.
        conventions: What its metrics were measured with.
        **more: What else to tell, plain data.
    """
    table.unlink(missing_ok=True)
    write_json(_beside(table), {"metrics": conventions, **more})


def read_conventions(table: Path) -> Conventions:
    """What stands beside a table; nothing for one of other programs, where it is unknown."""
    try:
        metrics = json.loads(_beside(table).read_text(encoding="utf-8"))["metrics"]
        return {name: dict(values) for name, values in metrics.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def disagreement(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """In which parameters of one metric runs differ, in words; empty where they do not.

    Args:
        runs: The parameters by run. One that a run does not have was not there yet when it was measured: unknown.
    """
    told = []
    for key in dict.fromkeys(key for each in runs.values() for key in each):
        values = {run: each[key] for run, each in runs.items() if key in each}
        first = next(iter(values.values()))
        if all(value == first for value in values.values()):
            continue
        if any(isinstance(value, dict | list) for value in values.values()):
            told.append(f"`{key}` is not the same in {', '.join(values)}")
        else:
            told.append(", ".join(f"{key} {_shown(value)} in {run}" for run, value in values.items()))
    return "; ".join(told)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _beside(table: Path) -> Path:
    return table.with_suffix(".json")
