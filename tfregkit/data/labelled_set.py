"""One data set among several that are trained on together, and what its label values mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, field_validator

from tfregkit.config.settings import Kind, Settings, Spec
from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.source import BACKGROUND, REST, LabelClass, Source

Values = NonNegativeInt | Annotated[list[NonNegativeInt], Field(min_length=1)] | Literal["rest"]


class LabelledSet(Settings):
    """One data set of several.

    Args:
        name: Of the set, for messages and in the names of its scans.
        dataset: Where its scans come from, each alone (`pairing: single`).
        labels: The values in its label maps by the name of the structure, e.g. `{liver: 1, tumour: [2, 3]}`. A name
            that two sets have is one class; equal numbers of two sets mean nothing. `background` names values that are
            no structure; `background: rest`: all that have no name. Left out: a set without labels.
        weight: How often it is drawn, relative to the other sets. Default: its number of training scans, so that all
            scans are as likely.
        normalisation: Intensities of its scans. Default: that of the `data` section.
    """

    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.-]+$")]
    dataset: Annotated[Spec, Kind("dataset")]
    labels: dict[str, Values] | None = None
    weight: NonNegativeFloat | None = None
    normalisation: NormalisationSettings | None = None

    @field_validator("labels")
    @classmethod
    def _each_value_once(cls, labels: dict[str, Values] | None) -> dict[str, Values] | None:
        seen = {0: BACKGROUND}
        for name, values in (labels or {}).items():
            if values == REST and name != BACKGROUND:
                raise ValueError(f"`{REST}` is for `{BACKGROUND}` alone, and cannot be `{name}`")
            for value in _listed(values):
                if seen.setdefault(value, name) != name:
                    raise ValueError(f"the value {value} is `{seen[value]}`, and cannot be `{name}` too")
        if labels is not None and not set(labels) - {BACKGROUND}:
            raise ValueError("names no structure. Leave `labels` out for a set without labels")
        return labels

    def source(self, numbers: Mapping[str, int]) -> Source:
        """What its scans carry, given the number of each class."""
        classes = tuple(
            LabelClass(name, numbers.get(name, 0), tuple(_listed(values)))
            for name, values in (self.labels or {}).items()
        )
        return Source(self.name, classes, self.normalisation)


def _listed(values: Values) -> list[int]:
    """The values of a structure; none for the rest."""
    if values == REST:
        return []
    return values if isinstance(values, list) else [values]


def class_numbers(sets: list[LabelledSet]) -> dict[str, int]:
    """The number of each structure of several sets, from 1 in the order in which they name them first."""
    names = dict.fromkeys(name for one in sets for name in one.labels or {} if name != BACKGROUND)
    return {name: number for number, name in enumerate(names, start=1)}
