"""From scans to pairs. Pure functions, shared by all datasets."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np

from tfregkit.data.base import Pair, Subject
from tfregkit.data.drawn_pairs import DrawnPairs
from tfregkit.errors import DataError

Pairing = Literal["unpaired", "paired", "atlas", "single"]


class AllPairs(Sequence[Pair]):
    """All ordered pairs of scans of different persons. Pairs are made when asked for, so n scans cost n, not n^2.

    Args:
        moving: Scans that move.
        fixed: Scans they are registered to (may be the same list).
    """

    def __init__(self, moving: Sequence[Subject], fixed: Sequence[Subject]) -> None:
        self.moving, self.fixed = list(moving), list(fixed)
        self._own: dict[str, list[int]] = defaultdict(list)
        for i, scan in enumerate(self.fixed):
            self._own[scan.subject].append(i)
        counts = [len(self.fixed) - len(self._own.get(scan.subject, [])) for scan in self.moving]
        self._ends = np.cumsum(counts, dtype=np.int64).tolist()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Pair:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        row = bisect.bisect_right(self._ends, index)
        column = index - (self._ends[row - 1] if row else 0)
        for own in self._own.get(self.moving[row].subject, []):  # ascending: skip the person's own scans
            column += column >= own
        return Pair(self.moving[row], self.fixed[column])


def pair_up(
    scans: Sequence[Subject],
    pairing: Pairing,
    *,
    moving_modality: str | None = None,
    fixed_modality: str | None = None,
    atlas: Subject | None = None,
    atlas_role: Literal["moving", "fixed"] = "fixed",
) -> Sequence[Pair]:
    """The ordered pairs of a list of scans.

    `unpaired`: every two scans of different persons. `paired`: every two scans of one person. `atlas`: every scan with
    the atlas. `single`: every scan alone. With modalities given, only scans of that modality move, or are registered
    to (or are alone: `fixed_modality`).

    Raises:
        DataError: If a modality names no scan, or `atlas` pairing has no atlas.
    """
    moving, fixed = _of_modality(scans, moving_modality), _of_modality(scans, fixed_modality)
    if pairing == "unpaired":
        return AllPairs(moving, fixed)
    if pairing == "single":
        return [Pair(scan, scan) for scan in fixed]
    if pairing == "atlas":
        if atlas is None:
            raise DataError("pairing `atlas` needs `atlas: FILE`.")
        return [Pair(s, atlas) for s in moving] if atlas_role == "fixed" else [Pair(atlas, s) for s in fixed]
    partners: dict[str, list[Subject]] = defaultdict(list)
    for scan in fixed:
        partners[scan.subject].append(scan)
    return [Pair(a, b) for a in moving for b in partners.get(a.subject, []) if a.id != b.id]


def _of_modality(scans: Sequence[Subject], modality: str | None) -> list[Subject]:
    chosen = [scan for scan in scans if modality is None or scan.modality == modality]
    if scans and not chosen:
        known = sorted({scan.modality for scan in scans})
        raise DataError(f"no scan has the modality `{modality}`. Modalities: {', '.join(map(repr, known))}.")
    return chosen


def sides(pairs: Sequence[Pair]) -> tuple[list[Subject], list[Subject]]:
    """The scans that move and those that are registered to, each once, in order."""
    if isinstance(pairs, AllPairs):
        return pairs.moving, pairs.fixed
    if isinstance(pairs, DrawnPairs):
        return pairs.scans, pairs.scans
    return list(dict.fromkeys(pair.moving for pair in pairs)), list(dict.fromkeys(pair.fixed for pair in pairs))
