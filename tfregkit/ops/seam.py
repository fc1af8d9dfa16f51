"""How much a field jumps where blocks of it meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from tfregkit.ops.shapes import check_field


def seam_ratio(field: Any, borders: Sequence[Sequence[int]]) -> Any:
    """Mean jump across the borders, over the mean jump between all other neighbours.

    `mean |u(p + e_a) - u(p)|` over the faces of voxels that lie on a border, over the same mean of all other faces,
    with `e_a` one voxel along axis a and faces of all axes together. 1: the borders cannot be told from the rest; NaN
    for a field without any change, infinite for one that changes at borders alone.

    Args:
        field: `(B, X, Y[, Z], N)`.
        borders: For each axis the faces on borders; face f lies between the voxels f - 1 and f.

    Returns:
        `(B,)` float32.

    Raises:
        ValueError: If there is no border, or one is not between two voxels of the field.
    """
    rank = check_field(field)
    sizes = tuple(field.shape[1:-1])
    if not any(borders) or any(not 0 < f < size for size, faces in zip(sizes, borders, strict=True) for f in faces):
        raise ValueError(
            f"`borders` must name faces between voxels of the field, one or more. Received: borders="
            f"{[list(faces) for faces in borders]}, shape {tuple(field.shape)}"
        )
    field, spatial = ops.cast(field, "float32"), tuple(range(1, rank + 1))
    across = within = 0.0
    faces_across = faces_within = 0
    for axis, (size, faces) in enumerate(zip(sizes, borders, strict=True), start=1):
        jumps = ops.norm(_neighbours(field, axis, 1) - _neighbours(field, axis, 0), axis=-1)
        area, total = math.prod(sizes) // size, ops.sum(jumps, axis=spatial)
        if faces:
            here = ops.sum(ops.take(jumps, [f - 1 for f in faces], axis=axis), axis=spatial)
            across, total = across + here, total - here
        within = within + total
        faces_across += len(faces) * area
        faces_within += (size - 1 - len(faces)) * area
    return (across / faces_across) / (within / max(faces_within, 1))


def block_borders(sizes: Sequence[int], count: int) -> list[list[int]]:
    """The faces nearest to the borders of `count` equal blocks along each axis, for `seam_ratio`.

    Args:
        sizes: Spatial sizes.
        count: Blocks along each axis.
    """
    along = ([math.floor(k * size / count + 0.5) for k in range(1, count)] for size in sizes)
    return [sorted({face for face in faces if 0 < face < size}) for size, faces in zip(sizes, along, strict=True)]


def _neighbours(field: Any, axis: int, start: int) -> Any:
    """All voxels but the last along an axis, or but the first."""
    place = [slice(None)] * len(field.shape)
    place[axis] = slice(start, field.shape[axis] - 1 + start)
    return field[tuple(place)]
