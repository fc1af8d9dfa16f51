"""Dice overlap per structure."""

from __future__ import annotations

from pathlib import Path

from tfregkit.api import Case, Metric
from tfregkit_plugins.metrics.overlap import structure_dice
from tfregkit_plugins.metrics.structures import chosen_structures, with_mean


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
        self.structures = structures
        self.labels = labels
        self._merged = chosen_structures("dice", structures, labels)

    def __call__(self, case: Case) -> dict[str, float]:
        """`{"": mean over the structures, name: Dice, ...}`; empty when the pair has no labels."""
        if case.fixed_labels is None or case.moved_labels is None:
            return {}
        return with_mean(structure_dice(case.fixed_labels, case.moved_labels, self._merged))
