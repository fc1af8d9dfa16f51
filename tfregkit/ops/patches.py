"""Images in cubic patches that do not overlap."""

from __future__ import annotations

import itertools
from typing import Any

from keras import ops

from tfregkit.ops.shapes import spatial_rank, spatial_shape


def random_corner(noise: Any, side: int, rank: int) -> Any:
    """An offset for `patches`, `(rank,)` int32 in `0 .. side - 1`, from the first numbers of `noise` `(B, K)`."""
    return ops.cast(noise[0, :rank] * side, "int32")


def patches(image: Any, side: int, offset: Any = None) -> list[Any]:
    """Each channel's patches of `side^N` voxels, `(B, P, side^N)`; zeros where they reach over the border.

    Args:
        image: `(B, X, Y[, Z], C)`.
        side: Of a patch.
        offset: How far the first patch starts before the image, `(N,)` int32 in `0 .. side - 1`; None: at its corner.
            With an offset there may be one more patch along each axis, some of them empty.
    """
    rank, shape = spatial_rank(image, "image"), spatial_shape(image)
    before = 0 if offset is None else side - 1
    counts = [-(-(size + before) // side) for size in shape]
    ends = [count * side - size for count, size in zip(counts, shape, strict=True)]
    padded = ops.pad(image, [[0, 0], *[[before, end] for end in ends], [0, 0]])
    if offset is not None:
        # What was put before the image, less the offset, is cut off again.
        starts = ops.pad(before - offset, [[1, 1]])
        sizes = [ops.shape(image)[0], *[count * side for count in counts], image.shape[-1]]
        padded = ops.slice(padded, starts, sizes)
    split = list(itertools.chain.from_iterable((count, side) for count in counts))
    order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2)]
    flat = [ops.transpose(ops.reshape(plane, (-1, *split)), order) for plane in ops.unstack(padded, axis=-1)]
    return [ops.reshape(plane, (ops.shape(image)[0], -1, side**rank)) for plane in flat]
