"""One metric of several runs, over the pairs and structures that all of them have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from tfregkit.errors import DataError
from tfregkit.evaluation.compared import Compared

Cells = dict[tuple[str, str], float]
"""Values by pair and structure; the structure is empty for the pair as a whole."""


@dataclass(frozen=True, eq=False)
class Matched:
    """The values of a metric by run and structure, `(n,)` each, in the order of `pairs`.

    The structure is empty for the pair as a whole. A value that one run lacks is NaN in all. `notes` says what was left
    out, a line each.
    """

    metric: str
    pairs: list[str]
    values: dict[str, dict[str, np.ndarray]]
    notes: list[str] = field(default_factory=list)

    @property
    def structures(self) -> list[str]:
        """The structures, the pair as a whole not among them."""
        return [name for name in next(iter(self.values.values())) if name]


def match(runs: Sequence[Compared], metric: str, untested: Collection[str] = ()) -> Matched:
    """Bring the values of one metric together.

    The value of a pair as a whole is the run's own, unless a structure had to be left out: then it is the mean over the
    structures that are left, in all runs alike.

    Args:
        runs: At least one; each has the metric.
        metric: Its name.
        untested: Labels of runs that, where they have no value at all, as pairs before registration have no seam, are
            no reason to leave out those of the others.

    Raises:
        DataError: When the runs have no pair or no structure in common.
    """
    cells = {run.label: {(r.pair, r.structure): r.after for r in run.rows if r.metric == metric} for run in runs}
    notes: list[str] = []
    pairs = _common([list(dict.fromkeys(pair for pair, _ in each)) for each in cells.values()], "pairs", notes)
    if not pairs:
        raise DataError(
            f"{metric}: the runs have no pair in common. They must be evaluated on the same table of pairs."
        )
    parts = [list(dict.fromkeys(name for _, name in each if name)) for each in cells.values()]
    structures = _common(parts, "structures", notes)
    if any(parts) and not structures:
        shown = "; ".join(f"{label}: {', '.join(names[:4])}" for label, names in zip(cells, parts, strict=True))
        raise DataError(
            f"{metric}: the runs have no structure in common ({shown}). Evaluate them with the same `--structures`."
        )
    trimmed = any(len(names) > len(structures) for names in parts)
    silent = {label for label in untested if label in cells and all(map(np.isnan, cells[label].values()))}
    trimmed |= _blank({label: each for label, each in cells.items() if label not in silent}, pairs, structures, notes)
    values = {
        label: {name: np.array([each.get((pair, name), np.nan) for pair in pairs]) for name in ("", *structures)}
        for label, each in cells.items()
    }
    if structures and trimmed:
        for each in values.values():
            each[""] = _mean(np.stack([each[name] for name in structures]))
    _blank_whole({label: each for label, each in values.items() if label not in silent})
    return Matched(metric, pairs, values, notes)


def _common(lists: list[list[str]], what: str, notes: list[str]) -> list[str]:
    """What is in every list, in the order of the first."""
    shared = set.intersection(*map(set, lists))
    every = dict.fromkeys(name for names in lists for name in names)
    if left := [name for name in every if name not in shared]:
        shown = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
        notes.append(f"{len(left)} of {len(every)} {what} are not in every run and are left out: {shown}")
    return [name for name in lists[0] if name in shared]


def _blank(cells: dict[str, Cells], pairs: list[str], structures: list[str], notes: list[str]) -> bool:
    """Make undefined in all runs what is undefined in some; whether there was such a value."""
    places = [(pair, name) for pair in pairs for name in structures]
    lacking = {label: {place for place in places if np.isnan(each.get(place, np.nan))} for label, each in cells.items()}
    gone = set.union(*lacking.values())
    if unequal := len(gone) - len(set.intersection(*lacking.values())):
        counts = ", ".join(f"{label}: {len(each)}" for label, each in lacking.items() if each)
        notes.append(
            f"{unequal} of {len(places)} values of structures are undefined in some run (a structure is missing in an "
            f"image) and are left out of all ({counts})"
        )
    for each in cells.values():
        each.update(dict.fromkeys(gone, np.nan))
    return bool(unequal)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of the values that are defined; NaN where none is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _blank_whole(values: dict[str, dict[str, np.ndarray]]) -> None:
    """A pair without a value in some run has none in any."""
    lost = np.any([np.isnan(each[""]) for each in values.values()], axis=0)
    for each in values.values():
        each[""] = np.where(lost, np.nan, each[""])
