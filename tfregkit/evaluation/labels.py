"""Names of runs for tables, files and legends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def path_labels(paths: Sequence[Path]) -> list[str]:
    """A name for each path: its last part, with as many above it as it takes to differ."""
    for depth in range(1, 64):
        names = ["_".join(path.parts[-depth:]).replace("/", "") for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name}-{number}" for number, path in enumerate(paths, start=1)]
