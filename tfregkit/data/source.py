"""What a scan's data set says of it, where several are mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfregkit.data.settings import NormalisationSettings
from tfregkit.errors import DataError

BACKGROUND = "background"
"""The name for values that are no structure: class 0."""

REST = "rest"
"""Instead of values of the background: all that no structure has."""


@dataclass(frozen=True)
class LabelClass:
    """A structure: its name, its number over all sets, and the values it has in the maps of one set; none: the rest."""

    name: str
    number: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class Source:
    """What a scan's set says of it: the meaning of its label values, and its normalisation where that is its own."""

    name: str
    classes: tuple[LabelClass, ...] = ()
    normalisation: NormalisationSettings | None = None

    def class_numbers(self, labels: np.ndarray, name: str) -> np.ndarray:
        """A label map with the classes' numbers; 0 stays.

        Raises:
            DataError: Naming the map (`name`), when it has values that the set does not declare.
        """
        numbers = {0: 0, **{value: found.number for found in self.classes for value in found.values}}
        slabs = np.atleast_2d(labels).T  # one by one, as whole CTs are large; files have the first axis together
        present = np.array(sorted(set().union(*(np.unique(slab).tolist() for slab in slabs))))
        strange = sorted(set(present.tolist()) - set(numbers))
        if any(not found.values for found in self.classes):
            numbers |= dict.fromkeys(strange, 0)
        elif strange:
            declared = ", ".join(f"{found.name} {'+'.join(map(str, found.values))}" for found in self.classes)
            raise DataError(
                f"{name}: has labels outside the declared names of set `{self.name}`: "
                f"{_ranges(strange)}. Declared: {declared}. Name them under `labels` of the set (`{BACKGROUND}` for "
                f"those that are no structure; `{BACKGROUND}: {REST}`: all that have no name)."
            )
        found, of_present = np.empty_like(labels, np.int32), np.array([numbers[value] for value in present.tolist()])
        for slab, into in zip(slabs, np.atleast_2d(found).T, strict=True):
            into[...] = of_present[np.searchsorted(present, slab)]
        return found


def _ranges(values: list[int]) -> str:
    """Rising numbers in words: `2, 5 to 7`."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
