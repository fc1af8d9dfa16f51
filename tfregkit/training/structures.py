"""What a network that segments can learn from the label maps it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfregkit.data.batches import Batches
from tfregkit.errors import DataError


def left_over(structures: Mapping[str, Sequence[int]], batches: Batches) -> list[int]:
    """The values in the training scans' label maps that belong to no structure: they are learnt as background.

    Raises:
        DataError: When a structure is in no training scan.
    """
    present: set[int] = set()
    for scan in dict.fromkeys(pair.fixed for pair in batches.pairs):
        present |= set(np.unique(batches.scans.load(scan, "fixed")["labels"]).tolist())
    if lost := [name for name, values in structures.items() if not present & set(values)]:
        known = ", ".join(map(str, sorted(present - {0})[:30])) or "none"
        raise DataError(
            f"no training scan has a label of {', '.join(f'`{name}`' for name in lost)} (`labels` of the network). "
            f"Labels in the training scans: {known}."
        )
    return sorted(present - {0} - {value for values in structures.values() for value in values})
