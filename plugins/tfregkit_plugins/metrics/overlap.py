"""Overlap of two label maps, for all structures at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tfregkit.api import DataError

Structures = dict[str, list[int]]
"""The label values that make up each named structure. Structures may overlap; values not named are left out."""


def read_structures(path: Path) -> Structures:
    """Read `{"thalamus": [59, 60], "caudate": 36, ...}` from a JSON file.

    Raises:
        DataError: When the file is missing, is no JSON, or maps anything but names to whole numbers.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. `structures` names a JSON file of label values.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict) or not content:
        raise DataError(f'{path}: expected a mapping like {{"thalamus": [59, 60]}}. Received: {type(content).__name__}')
    return {str(name): _values(path, name, entry) for name, entry in content.items()}


def _values(path: Path, name: str, entry: object) -> list[int]:
    values = entry if isinstance(entry, list) else [entry]
    if not values or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise DataError(f"{path}: structure `{name}` needs one or more whole numbers. Received: {entry!r}")
    return values


def structure_dice(fixed: np.ndarray, moved: np.ndarray, structures: Structures | None = None) -> dict[str, float]:
    """`2|A and B| / (|A| + |B|)` of each structure; NaN for a structure that is in neither map.

    fixed, moved: integer arrays of one shape. Without `structures`, each label other than 0 is its own structure, named
    by its number. One pass makes the joint histogram of both maps; all structures are sums over it.
    """
    values, (first, second) = _indices(fixed, moved)
    size = len(values)
    joint = np.bincount(first * size + second, minlength=size * size).reshape(size, size)
    if structures is None:
        structures = {str(value): [int(value)] for value in values if value != 0}
    return {name: _dice(joint, np.isin(values, members)) for name, members in structures.items()}


def _dice(joint: np.ndarray, members: np.ndarray) -> float:
    total = joint[members].sum() + joint[:, members].sum()  # |A| + |B|
    return float(2.0 * joint[np.ix_(members, members)].sum() / total) if total else float("nan")


def _indices(fixed: np.ndarray, moved: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The label values present in either map, and both maps as indices into them."""
    flat = [np.asarray(labels).ravel() for labels in (fixed, moved)]
    low, high = min(f.min() for f in flat), max(f.max() for f in flat)
    if low >= 0 and high < 65536:  # a lookup table is ten times faster than sorting the voxels
        present = sum(np.bincount(f, minlength=high + 1) for f in flat) > 0
        values = np.flatnonzero(present)
        table = np.cumsum(present) - 1
        return values, (table[flat[0]], table[flat[1]])
    values = np.unique(np.concatenate([np.unique(f) for f in flat]))
    return values, (np.searchsorted(values, flat[0]), np.searchsorted(values, flat[1]))
