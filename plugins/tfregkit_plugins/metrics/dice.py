"""Dice overlap per structure."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from tfregkit.api import Case, Metric
from tfregkit_plugins.metrics.overlap import structure_dice
from tfregkit_plugins.metrics.structures import chosen_structures, label_values, with_mean


class Dice(Metric):
    """Overlap of the fixed and the moved labels, one value per structure and their mean.

    `Dice(A, B) = 2|A and B| / (|A| + |B|)`. A structure that one of the scans does not have (the fixed one, or the
    moving one before it was moved) has no value (NaN) and is left out of the mean. A structure that both have, and that
    the warp lost, has 0. Label 0 is the background and is no structure.

    Args:
        structures: JSON file that names structures and merges labels: `{"thalamus": [59, 60], "caudate": [36, 37]}`.
        labels: The same mapping, written in the configuration itself. Without either, each label is a structure.

    Reference: Dice 1945, doi:10.2307/1932409.
    """

    better = "higher"
    compares_labels = True

    def __init__(self, *, structures: Path | None = None, labels: dict[str, int | list[int]] | None = None) -> None:
        self.structures = structures
        self.labels = labels
        self._merged = chosen_structures("dice", structures, labels)

    def __call__(self, case: Case) -> dict[str, float]:
        """`{"": mean over the structures, name: Dice, ...}`; empty when the pair has no labels."""
        if case.fixed_labels is None or case.moved_labels is None:
            return {}
        values = structure_dice(case.fixed_labels, case.moved_labels, self._merged)
        if case.moving_labels is not None:
            known = label_values(case.moving_labels)
            for name in values:
                if not np.isin(self._merged[name] if self._merged else int(name), known).any():
                    values[name] = math.nan
        return with_mean(values)
