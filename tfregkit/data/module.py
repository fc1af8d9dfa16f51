"""What `open_data` gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfregkit.data.base import Pair
from tfregkit.data.drawn_pairs import DrawnPairs
from tfregkit.data.grid import Grid
from tfregkit.data.pairs import sides

if TYPE_CHECKING:
    from tfregkit.data.batches import Batches


@dataclass(frozen=True)
class DataModule:
    """The data of one stage: training batches, and the pairs to validate and test with, on a common grid.

    Where scans have their own grids, `grid` is that of a crop, somewhere in the world. `about` is what else to say.
    """

    train: Batches
    validation: Sequence[Pair]
    test: Sequence[Pair]
    grid: Grid
    about: str = ""

    def describe(self) -> str:
        """For the console: one line, and those of `about`."""
        moving, fixed = sides(self.train.pairs)
        counts, kind = f"{len(set(moving) | set(fixed))} training scans", "scans"
        if len(self.train.roles) > 1 and not isinstance(self.train.pairs, DrawnPairs):
            counts, kind = f"{counts} in {len(self.train.pairs)} pairs", "pairs"
        crop = f", crops of {'x'.join(map(str, self.train.crop))}" if self.train.crop else ""
        spacing = "x".join(f"{s:.3g}" for s in self.grid.spacing)
        grid = "own grids" if self.train.scans.own else f"grid {'x'.join(map(str, self.grid.shape))}"
        first = (
            f"{counts}, {len(self.validation)} validation {kind}, {len(self.test)} test {kind}; "
            f"{grid} of {spacing} mm{crop}"
        )
        return "\n".join(filter(None, (first, self.about)))
