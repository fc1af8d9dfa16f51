"""What `open_data` gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfregkit.data.base import Pair
from tfregkit.data.grid import Grid
from tfregkit.data.pairs import sides

if TYPE_CHECKING:
    from tfregkit.data.batches import Batches


@dataclass(frozen=True)
class DataModule:
    """The data of one stage: training batches, and the pairs to validate and test with, on a common grid."""

    train: Batches
    validation: Sequence[Pair]
    test: Sequence[Pair]
    grid: Grid

    def describe(self) -> str:
        """One line for the console."""
        moving, fixed = sides(self.train.pairs)
        counts, kind = f"{len(set(moving) | set(fixed))} training scans", "scans"
        if len(self.train.roles) > 1:
            counts, kind = f"{counts} in {len(self.train.pairs)} pairs", "pairs"
        crop = f", crops of {'x'.join(map(str, self.train.crop))}" if self.train.crop else ""
        spacing = "x".join(f"{s:.3g}" for s in self.grid.spacing)
        return (
            f"{counts}, {len(self.validation)} validation {kind}, {len(self.test)} test {kind}; "
            f"grid {'x'.join(map(str, self.grid.shape))} of {spacing} mm{crop}"
        )
