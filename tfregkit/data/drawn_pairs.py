"""Pairs that are drawn anew for each item of training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from tfregkit.data.base import Pair, Subject


class DrawnPairs(Sequence[Pair]):
    """Two scans of one group: the group is drawn by its weight, the fixed scan evenly, the moving one is it or another.

    As a sequence it has one pair for each scan: the scan with the next one of its group.

    Args:
        groups: The scans that may meet. A group of one scan pairs it with itself.
        weights: How often a group is drawn, relative to the others; not all 0.
        same: The share of items whose moving scan is the fixed one.
        alone: Whether scans come alone instead, drawn the same way.
    """

    def __init__(
        self, groups: Sequence[Sequence[Subject]], weights: Sequence[float], *, same: float = 0.5, alone: bool = False
    ) -> None:
        self.groups, self.same, self.single = [list(group) for group in groups], same, alone
        self.shares = np.asarray(weights, np.float64) / np.sum(weights)
        self._ends = list(accumulate(map(len, self.groups)))
        self.scans = [scan for group in self.groups for scan in group]

    def drawn(self, rng: np.random.Generator) -> Pair:
        """One pair."""
        group = self.groups[int(rng.choice(len(self.groups), p=self.shares))]
        place = int(rng.integers(len(group)))
        return Pair(group[place], group[place]) if self.single else self._pair(group, place, rng)

    def drawn_for_each(self, groups: Sequence[Sequence[Subject]], seed: int) -> list[list[Pair]]:
        """For each scan of other groups, to validate with: the pair in which it is the fixed one, drawn likewise."""
        rngs = [np.random.default_rng([seed, number]) for number in range(len(groups))]
        return [
            [self._pair(group, place, rng) for place in range(len(group))]
            for group, rng in zip(groups, rngs, strict=True)
        ]

    def _pair(self, group: Sequence[Subject], place: int, rng: np.random.Generator) -> Pair:
        distance = 0 if rng.random() < self.same else int(rng.integers(1, max(len(group), 2)))
        return Pair(group[(place + distance) % len(group)], group[place])

    def alone(self) -> DrawnPairs:
        """The scans, each alone, as likely as here."""
        return DrawnPairs(self.groups, self.shares.tolist(), alone=True)

    def __len__(self) -> int:
        return len(self.scans)

    def __getitem__(self, index: int) -> Pair:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        scan = self.scans[index]
        if self.single:
            return Pair(scan, scan)
        number = int(np.searchsorted(self._ends, index % len(self), side="right"))
        group = self.groups[number]
        start = self._ends[number] - len(group)
        return Pair(group[(index % len(self) - start + 1) % len(group)], scan)
