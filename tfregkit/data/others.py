"""Scans of people who are not in a pair, e.g. for more negatives of a contrastive similarity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfregkit.data.base import Pair, Subject
from tfregkit.data.pairs import sides
from tfregkit.data.scans import ROLES, Role
from tfregkit.errors import DataError

STREAM = 4  # of random numbers; those of `Batches` are 1 to 3


class Others:
    """Draws, for an item of a batch, one scan for each role whose person is neither of the pair's two.

    Args:
        pairs: The training pairs: scans are drawn from those that have the role in one of them.
        seed: Of the run.

    Raises:
        DataError: If there is a pair for which no such scan is left.
    """

    def __init__(self, pairs: Sequence[Pair], seed: int) -> None:
        self.seed = seed
        self.scans: dict[Role, list[Subject]] = dict(zip(ROLES, sides(pairs), strict=True))
        for role, scans in self.scans.items():
            persons = sorted({scan.subject for scan in scans})
            if len(persons) < 3 and any(not self._left(pair, role) for pair in pairs):
                raise DataError(
                    "negatives from other people need scans of at least three persons in each role: the pair's two "
                    f"and another one. Received: {role} training scans of {', '.join(persons)}. Train on more people, "
                    "or set `external_negatives: 0`."
                )

    def draw(self, pair: Pair, item: int) -> dict[Role, Subject]:
        """The scans for item number `item`, as a pure function of the seed and the item."""
        rng, drawn = np.random.default_rng([self.seed, STREAM, item]), {}
        for role in ROLES:
            left = self._left(pair, role)
            drawn[role] = left[int(rng.integers(len(left)))]
        return drawn

    def _left(self, pair: Pair, role: Role) -> list[Subject]:
        return [scan for scan in self.scans[role] if scan.subject not in (pair.moving.subject, pair.fixed.subject)]
