"""What a scan's data set says of it, where several are mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfregkit.data.settings import NormalisationSettings
from tfregkit.errors import DataError

BACKGROUND = "background"
"""The name for values that are no structure: class 0."""


@dataclass(frozen=True)
class LabelClass:
    """A structure: its name, its number over all sets, and the values it has in the maps of one set."""

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
        present, places = np.unique(labels, return_inverse=True)
        if strange := sorted(set(present.tolist()) - set(numbers)):
            declared = ", ".join(f"{found.name} {'+'.join(map(str, found.values))}" for found in self.classes)
            raise DataError(
                f"{name}: has labels outside the declared names of set `{self.name}`: "
                f"{', '.join(map(str, strange[:10]))}. Declared: {declared}. Name them under `labels` of the set "
                f"(`{BACKGROUND}` for those that are no structure)."
            )
        return np.array([numbers[value] for value in present.tolist()], np.int32)[places].reshape(labels.shape)
