"""Several data sets in one, each with labels of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Annotated

import numpy as np
from pydantic import Field

from tfregkit.api import (
    PARTS,
    DataError,
    Dataset,
    DrawnPairs,
    LabelledSet,
    Pair,
    Split,
    Subject,
    class_numbers,
)

Group = list[Subject]


class Mixture(Dataset):
    """Several data sets that are trained on together: two scans of one set at a time, the set drawn by its weight.

    Label values are replaced by the numbers of classes over all sets, in the order in which `sets` names them first. In
    training each scan comes with itself or another one of its set; so it does in validation, drawn once by the seed.
    Strategies that look at single scans draw them the same way. Tests look at scans alone, not at those of sets with a
    normalisation of their own, which a trained network's images do not get.

    Reference: MixCL, methods 3.1: patches of the same or another image of the same data set, 1:1.

    Args:
        sets: The data sets.
        same: The share of items whose two patches are of one scan.
    """

    def __init__(
        self,
        *,
        sets: Annotated[list[LabelledSet], Field(min_length=1)],
        same: Annotated[float, Field(ge=0, le=1)] = 0.5,
    ) -> None:
        names = [one.name for one in sets]
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(f"two sets are called `{twice[0]}`")
        if all(one.weight == 0 for one in sets):
            raise ValueError("the weights of all sets are 0, so nothing could be drawn")
        self.sets, self.same = list(sets), same
        self.numbers = class_numbers(self.sets)

    def split(self, seed: int) -> Split:
        """See `Dataset.split`. What is wrong with the sets is said of all of them at once."""
        parts, problems = [], []
        for one in self.sets:
            try:
                parts.append(self._scans(one, seed))
            except DataError as error:
                problems.append(f"set `{one.name}`: {error}")
        if problems:
            raise DataError("\n".join(problems))
        _refuse_images_of_two(parts)
        groups = [part["train"] for part in parts]
        weights = [
            len(group) if one.weight is None else one.weight for one, group in zip(self.sets, groups, strict=True)
        ]
        train = DrawnPairs(groups, weights, same=self.same)
        validation = train.drawn_for_each([part["validation"] for part in parts], seed)
        return Split(
            train,
            # The sets take turns, as only the first pairs may be looked at.
            [pair for turn in zip_longest(*validation) for pair in turn if pair],
            [Pair(scan, scan) for part in parts for scan in part["test"] if scan.source.normalisation is None],
            self._about(groups, weights),
        )

    def _scans(self, one: LabelledSet, seed: int) -> dict[str, Group]:
        """The scans of a set by split, with names that tell the sets apart."""
        split, source, found = one.dataset.build().split(seed), one.source(self.numbers), {}
        for part in PARTS:
            pairs = getattr(split, part)
            if any(not pair.single for pair in pairs[:1]):
                raise DataError("gives pairs, and a mixture draws its own. Set `pairing: single` in its `dataset`.")
            found[part] = [
                replace(scan, id=f"{one.name}-{scan.id}", subject=f"{one.name}-{scan.subject}", source=source)
                for scan in (pair.fixed for pair in pairs)
            ]
        scans = [scan for part in found.values() for scan in part]
        labelled = [scan for scan in scans if scan.labels]
        if labelled and not one.labels:
            raise DataError(
                "has label maps, and nothing says what their values mean: name them under `labels` of the set, or "
                "leave the maps out of its `dataset`."
            )
        if one.labels and not labelled:
            raise DataError(f"declares {', '.join(one.labels)}, and none of its scans has a label map.")
        return found

    def _about(self, groups: Sequence[Group], weights: Sequence[float]) -> str:
        shares = np.asarray(weights) / np.sum(weights)
        sets = [
            f"{one.name} {len(group)} ({100 * share:.3g} %)"
            for one, group, share in zip(self.sets, groups, shares, strict=True)
        ]
        classes = [f"{number} {name}" for name, number in self.numbers.items()]
        return (
            f"training scans (and how often one is drawn): {', '.join(sets)}; classes: {', '.join(classes) or 'none'}"
        )


def _refuse_images_of_two(parts: Sequence[dict[str, Group]]) -> None:
    """An image in two sets would have two meanings, and could be trained on and validated with."""
    owner: dict[str, Subject] = {}
    for scan in (scan for part in parts for group in part.values() for scan in group):
        first = owner.setdefault(str(scan.image.resolve()), scan)
        if first.id != scan.id:
            raise DataError(
                f"{scan.image}: is in two sets, as `{first.id}` and as `{scan.id}`. Leave it out of one of them."
            )
