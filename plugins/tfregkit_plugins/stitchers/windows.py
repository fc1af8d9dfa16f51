"""Windows of tokens: relative places, and who may see whom after a cyclic shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops


def relative_positions(side: int) -> np.ndarray:
    """Rows of the bias table, `(m^3, m^3)` int32: one for each of the `(2m - 1)^3` differences of places in a window.

    Reference: Liu et al. 2021, Swin Transformer, section 3.2, doi:10.1109/ICCV48922.2021.00986.

    Args:
        side: Tokens along each axis of a window, m.
    """
    places = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    differences = places[:, None] - places[None] + side - 1
    return (differences @ (2 * side - 1) ** np.arange(2, -1, -1)).astype("int32")


def shifted_groups(grid: Sequence[Any], side: int, shift: int) -> Any:
    """After a roll by `-shift` along every axis, which tokens were neighbours before: equal numbers, `(*grid)` int32.

    Along an axis of `T` tokens the places `[0, T - m)`, `[T - m, T - s)` and `[T - s, T)` are three groups: the last
    has come round from the other side. So a last window holds up to `2^3` groups that must not look at each other.

    Args:
        grid: Tokens along each axis, numbers or scalar tensors.
        side: Tokens along each axis of a window, m.
        shift: How far the tokens were rolled, s.
    """
    group = 0
    for axis, size in enumerate(grid):
        place = ops.arange(size, dtype="int32")
        along = ops.cast(place >= size - side, "int32") + ops.cast(place >= size - shift, "int32")
        group = 3 * group + ops.reshape(along, [-1 if k == axis else 1 for k in range(len(grid))])
    return group
