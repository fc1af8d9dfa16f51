"""Dice overlap per structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfregkit.api import Case, Metric
from tfregkit_plugins.metrics.overlap import Structures, read_structures, structure_dice


class Dice(Metric):
    """Overlap of the fixed and the moved labels, one value per structure and their mean.

    `Dice(A, B) = 2|A and B| / (|A| + |B|)`. A structure that is in neither map has no value (NaN) and is left out of
    the mean; a structure that is in only one of them has 0. Label 0 is the background and is no structure.

    Args:
        structures: JSON file that names structures and merges labels: `{"thalamus": [59, 60], "caudate": [36, 37]}`.
        labels: The same mapping, written in the configuration itself. Without either, each label is a structure.

    Reference: Dice 1945, doi:10.2307/1932409.
    """

    better = "higher"

    def __init__(self, *, structures: Path | None = None, labels: dict[str, int | list[int]] | None = None) -> None:
        if structures is not None and labels is not None:
            raise ValueError("metric `dice` takes `structures` (a file) or `labels` (a mapping), not both.")
        self.structures = structures
        self.labels = labels
        self._merged = _lists(labels) if structures is None else read_structures(structures)

    def __call__(self, case: Case) -> dict[str, float]:
        """`{"": mean over the structures, name: Dice, ...}`; empty when the pair has no labels."""
        if case.fixed_labels is None or case.moved_labels is None:
            return {}
        values = structure_dice(case.fixed_labels, case.moved_labels, self._merged)
        known = [value for value in values.values() if not np.isnan(value)]
        return {"": float(np.mean(known)) if known else float("nan"), **values}


def _lists(labels: dict[str, int | list[int]] | None) -> Structures | None:
    """Each structure's label values as a list, also where there is one."""
    if labels is None:
        return None
    return {name: values if isinstance(values, list) else [values] for name, values in labels.items()}
