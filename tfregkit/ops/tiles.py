"""Rows of voxels in tiles small enough for a cache, to be worked on one after the other."""

from __future__ import annotations

from typing import Any

from keras import ops

_TILE = 2**15
"""Voxels per tile."""
_ROW = 2**12
"""Voxels per row, where the length is free. The rows of a tile are spread over the cores."""


def row_length(voxels: Any) -> Any:
    """How many voxels to put into a row: all where there are few."""
    return min(_ROW, voxels) if isinstance(voxels, int) else _ROW


def rows_per_tile(rows: Any, length: int) -> int:
    """How many rows of `length` voxels make a tile, at least one."""
    step = max(_TILE // length, 1)
    return min(step, rows) if isinstance(rows, int) else step


def tiles(image: Any, step: int) -> Any:
    """`(G, R, V)` as `(K, G, step, V)`: K tiles of `step` rows of each item; zeros fill up the last."""
    rows = ops.shape(image)[1]
    count = -(-rows // step)
    image = ops.pad(image, [[0, 0], [0, count * step - rows], [0, 0]])
    return ops.moveaxis(ops.reshape(image, (-1, count, step, image.shape[-1])), 1, 0)


def untiled(image: Any, rows: Any) -> Any:
    """The inverse of `tiles`: `(K, G, step, V)` as `(G, R, V)`."""
    count, _, step, voxels = ops.shape(image)
    return ops.reshape(ops.moveaxis(image, 0, 1), (-1, count * step, voxels))[:, :rows]
