"""Means of the equal parts of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from tfregkit.ops.shapes import spatial_rank, spatial_shape


def block_means(image: Any, count: int) -> Any:
    """The mean of each of the `count^N` boxes of equal size that an image consists of.

    Where a size is no multiple of `count`, a voxel on the border of two boxes counts for each by its part in it. So
    every size from `count` on will do, and where the sizes are multiples these are the means of `split_blocks`' blocks.

    Args:
        image: `(B, X, Y[, Z], C)`, with sizes known beforehand.
        count: Boxes along each axis.

    Returns:
        `(B, count^N, C)` float32, in the order of the array (the first axis slowest).

    Raises:
        ValueError: If an axis has fewer voxels than boxes.
    """
    rank, sizes = spatial_rank(image, "image"), spatial_shape(image)
    if any(size < count for size in sizes):
        raise ValueError(f"`image` must have at least {count} voxels along each axis. Received: {sizes}")
    image = ops.cast(image, "float32")
    if count == 1:
        return ops.expand_dims(ops.mean(image, axis=tuple(range(1, rank + 1))), 1)
    for axis, size in enumerate(sizes, start=1):
        weights = ops.convert_to_tensor(_weights(size, count))
        image = ops.moveaxis(ops.tensordot(image, weights, axes=[[axis], [1]]), -1, axis)
    return ops.reshape(image, (-1, count**rank, image.shape[-1]))


def _weights(size: int, count: int) -> np.ndarray:
    """`(count, size)` float32: the part of each voxel that lies in each box, over the size of a box."""
    starts = np.arange(count)[:, None] * size / count
    voxels = np.arange(size)[None]
    part = np.minimum(voxels + 1, starts + size / count) - np.maximum(voxels, starts)
    return (np.clip(part, 0, 1) * count / size).astype(np.float32)
