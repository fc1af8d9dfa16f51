"""Rows of a sweep on disk, pair by pair: an interrupted one goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tfregkit.data.base import Pair
from tfregkit.evaluation.table import Row, read_rows, write_table
from tfregkit.files import write_json


class PairRows:
    """A CSV of the rows of finished pairs, and beside it a JSON that says what they were measured with.

    Rows that were measured with anything else (weights, metrics, files of the pair) are dropped.

    Args:
        path: The CSV; the JSON has its name.
        settings: What all rows depend on; plain data.
        pairs: The pairs; whose files' sizes and times are compared.
    """

    def __init__(self, path: Path, settings: dict[str, Any], pairs: Sequence[Pair]) -> None:
        self.path, self._facts = path, path.with_suffix(".json")
        files = {pair.id: _files(pair) for pair in pairs}
        now = json.loads(json.dumps({"settings": settings, "pairs": files}, default=str))
        earlier = _read(self._facts)
        kept = earlier.get("settings") == now["settings"] and path.is_file()
        same = {pair for pair in files if kept and earlier["pairs"].get(pair) == now["pairs"][pair]}
        self.rows = [row for row in read_rows(path) if row.pair in same] if kept else []
        self.resumed = {row.pair for row in self.rows}
        write_table(path, self.rows, Row, float_format=None)  # before the facts: rows never have facts of others
        write_json(self._facts, now)

    def missing(self, pair: Pair, lambdas: Iterable[float]) -> list[float]:
        """The lambdas at which a pair has no rows yet."""
        known = {row.lam for row in self.rows if row.pair == pair.id}
        return [lam for lam in lambdas if lam not in known]

    def add(self, rows: Iterable[Row]) -> None:
        """Keep the rows of a pair; they are on disk when this returns."""
        self.rows += rows
        write_table(self.path, self.rows, Row, float_format=None)


def _files(pair: Pair) -> list[Any]:
    """Which files belong to a pair, with size and time of change."""
    found = []
    for scan in (pair.moving, pair.fixed):
        for path in (scan.image, scan.labels, scan.mask, scan.points):
            known = path is not None and path.is_file()
            found.append([str(path), path.stat().st_size, path.stat().st_mtime_ns] if known else [str(path)])
    return found


def _read(path: Path) -> dict[str, Any]:
    """What an earlier sweep wrote; nothing where there is no such file, or it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if set(content) == {"settings", "pairs"} else {}
    except (OSError, ValueError, TypeError):
        return {}
