"""The values of label maps."""

from __future__ import annotations

import numpy as np

from tfregkit.errors import DataError


def whole_numbers(values: np.ndarray, name: str) -> np.ndarray:
    """The values of a label map as int32. It goes slab by slab, as maps of whole CTs are large.

    Raises:
        DataError: Naming the map (`name`), when a value is no whole number, or beyond int32.
    """
    if np.can_cast(values.dtype, np.int32):
        return values.astype(np.int32)
    found = np.empty_like(values, np.int32)
    for slab, into in zip(values.T, found.T, strict=True):  # files have the first axis together
        whole = np.rint(slab)
        wrong = (np.abs(whole - slab) > 1e-3) | (np.abs(whole) > np.iinfo(np.int32).max)
        if wrong.any():
            raise DataError(f"{name}: a label map needs whole numbers (int32), but has the value {slab[wrong][0]:g}.")
        into[...] = whole
    return found
