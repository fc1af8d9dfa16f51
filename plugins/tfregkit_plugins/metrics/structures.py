"""Which label values make up which structure, for the metrics that give a value for each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tfregkit.api import DataError

Structures = dict[str, list[int]]
"""The label values that make up each named structure. Structures may overlap; values not named are left out."""

TABLE = 65536
"""Label maps without negative values and without any as large as this are looked up in tables."""


def chosen_structures(
    metric: str, structures: Path | None, labels: dict[str, int | list[int]] | None
) -> Structures | None:
    """The structures of a metric's two parameters; None where neither is given: then each label is a structure.

    Raises:
        ValueError: When both are given.
        DataError: When the file cannot be used.
    """
    if structures is not None and labels is not None:
        raise ValueError(f"metric `{metric}` takes `structures` (a file) or `labels` (a mapping), not both.")
    if structures is not None:
        return read_structures(structures)
    return labels and {name: values if isinstance(values, list) else [values] for name, values in labels.items()}


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


def label_values(labels: np.ndarray) -> np.ndarray:
    """The values a label map has `(n,)`, in order."""
    if labels.min() >= 0 and labels.max() < TABLE:  # counting is ten times faster than sorting the voxels
        return np.flatnonzero(np.bincount(labels.ravel()))
    return np.unique(labels)


def label_indices(fixed: np.ndarray, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The label values present in either map `(n,)`, and both maps as indices into them."""
    values = np.union1d(label_values(fixed), label_values(moved))
    if values[0] >= 0 and values[-1] < TABLE:
        table = np.zeros(values[-1] + 1, np.intp)
        table[values] = np.arange(len(values))
        return values, table[fixed], table[moved]
    return values, np.searchsorted(values, fixed), np.searchsorted(values, moved)


def members(values: np.ndarray, structures: Structures | None) -> dict[str, np.ndarray]:
    """Which of the label values `(n,)` belong to each structure, as a mask `(n,)`.

    Without `structures`, each label other than 0 is its own structure, named by its number.
    """
    if structures is None:
        structures = {str(value): [int(value)] for value in values if value != 0}
    return {name: np.isin(values, labels) for name, labels in structures.items()}


def with_mean(values: dict[str, float]) -> dict[str, float]:
    """The structures' values behind their mean, whose key is empty; structures without a value (NaN) do not count."""
    known = [value for value in values.values() if not np.isnan(value)]
    return {"": float(np.mean(known)) if known else float("nan"), **values}
