"""Training that looks at one scan of each pair, and at label maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tfregkit.data.base import Pair, Split
from tfregkit.data.drawn_pairs import DrawnPairs
from tfregkit.data.pairs import sides
from tfregkit.data.scans import ROLES, Role
from tfregkit.errors import ConfigError, DataError


def each_alone(pairs: Sequence[Pair], role: Role) -> Sequence[Pair]:
    """The scans that have this role, each once and alone; of pairs that are drawn, drawn as before."""
    if isinstance(pairs, DrawnPairs):
        return pairs.alone()
    return [Pair(scan, scan) for scan in dict(zip(ROLES, sides(pairs), strict=True))[role]]


def in_roles(split: Split, roles: Sequence[Role]) -> Split:
    """The pairs, or the scans of a single role alone.

    Raises:
        DataError: When pairs are wanted of scans that are alone, or a person who is in all pairs, as an atlas is, would
            train and be tested on.
    """
    if len(roles) == 1:
        alone = [each_alone(pairs, roles[0]) for pairs in (split.train, split.validation, split.test)]
        counts = Counter(person for pairs in alone for person in {pair.fixed.subject for pair in pairs})
        if twice := [person for person, count in counts.items() if count > 1]:
            raise DataError(
                f"this training looks at the {roles[0]} scans alone, and `{twice[0]}` is one in more than one split. "
                "Use `pairing: single`."
            )
        return Split(*alone, about=split.about)
    if isinstance(split.train, list) and any(pair.single for pair in split.train):
        raise DataError("pairing `single` gives scans alone, and this training looks at pairs. Choose another pairing.")
    return split


def check_own_grids(roles: Sequence[Role], views: bool) -> None:
    """Refuse `grid.mode: own` where both scans of a pair have to lie on one grid. Raises `ConfigError`."""
    if len(roles) > 1 and not views:
        raise ConfigError(
            "data.grid.mode: `own` gives scans that share no grid, and this training compares the two scans of a pair "
            "voxel by voxel. Use `resample` or `centre`."
        )


def check_labels(pairs: Sequence[Pair], roles: Sequence[Role] = ROLES, *, some: bool = False) -> None:
    """Refuse pairs of which a scan in one of these roles has no label map, with `some` only if none has.

    Raises:
        DataError: Naming scans.
    """
    members = dict(zip(ROLES, sides(pairs), strict=True))
    scans = [scan for role in roles for scan in members[role]]
    bare = dict.fromkeys(scan.id for scan in scans if not scan.labels)
    if bare and not (some and any(scan.labels for scan in scans)):
        more = f" and {len(bare) - 5} more" if len(bare) > 5 else ""
        raise DataError(
            f"this training looks at label maps, and these scans have none: {', '.join(list(bare)[:5])}{more}. Name "
            "the maps in the data set (`labels`), or leave those scans out."
        )
