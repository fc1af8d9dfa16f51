"""Random voxels of a grid, the same number in every image."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

CENTRE = 0.5


def draw_positions(noise: Any, count: Any, samples: int) -> tuple[Any, Any]:
    """`samples` different numbers out of `0 .. count - 1`, one from each of as many equal parts.

    Part i are the numbers from `floor(i count / samples)` up to `floor((i + 1) count / samples)`; the one that is drawn
    lies in it at the fraction `noise[:, i]`. No number comes twice, and if there are fewer numbers than parts all of
    them come, and the empty parts are not valid.

    Args:
        noise: `(B, samples)` uniform in [0, 1), or None: the middle of each part.
        count: How many numbers there are: an integer, or `(B,)` integers.
        samples: How many are drawn.

    Returns:
        The numbers `(B, samples)` int32, and which are valid, `(B, samples)` bool.
    """
    count = ops.reshape(ops.cast(count, "int32"), (-1, 1))
    edges = ops.arange(samples + 1, dtype="int32")[None]
    whole, rest = count // samples, count % samples  # so that no product exceeds 32 bits
    bounds = edges * whole + (edges * rest) // samples
    start, length = bounds[:, :-1], bounds[:, 1:] - bounds[:, :-1]
    fraction = CENTRE if noise is None else noise
    within = ops.cast(ops.cast(length, "float32") * fraction, "int32")
    chosen = start + ops.minimum(within, ops.maximum(length - 1, 0))
    chosen = ops.minimum(chosen, ops.maximum(count - 1, 0))
    return chosen, ops.broadcast_to(length > 0, ops.shape(chosen))


def positions_within(mask: Any, noise: Any, samples: int) -> tuple[Any, Any]:
    """Random voxels in which a mask is above 1/2, as indices into the flattened grid. No gradient.

    Args:
        mask: `(B, X, Y[, Z], 1)`.
        noise: As in `draw_positions`.
        samples: How many are drawn.

    Returns:
        Indices `(B, samples)` int32 and which are valid, as in `draw_positions`.
    """
    mask = ops.stop_gradient(ops.convert_to_tensor(mask))
    inside = ops.cast(ops.reshape(mask, (ops.shape(mask)[0], -1)) > 0.5, "int32")
    running = ops.cumsum(inside, axis=1)  # (B, N): how many voxels of the mask there are up to each
    items, voxels = ops.shape(running)[0], ops.shape(running)[1]
    ranks, valid = draw_positions(noise, running[:, -1], samples)
    # One sorted sequence for the whole batch: each item's is lifted above that of the item before.
    lift = ops.reshape(ops.arange(items, dtype="int32"), (-1, 1))
    found = ops.searchsorted(
        ops.reshape(running + lift * (voxels + 1), (-1,)), ops.reshape(ranks + 1 + lift * (voxels + 1), (-1,))
    )
    found = ops.reshape(ops.cast(found, "int32"), (-1, samples)) - lift * voxels
    return ops.clip(found, 0, voxels - 1), valid


def rows_at(features: Any, indices: Any) -> Any:
    """Feature vectors at flattened positions.

    Args:
        features: `(B, X, Y[, Z], C)`.
        indices: `(B, n)` into the flattened grid.

    Returns:
        `(B, n, C)`.
    """
    items, channels = ops.shape(features)[0], features.shape[-1]
    flat = ops.reshape(features, (-1, channels))
    voxels = ops.shape(flat)[0] // items
    lift = ops.reshape(ops.arange(items, dtype="int32") * voxels, (-1, 1))
    return ops.take(flat, ops.add(indices, lift), axis=0)


def nearest_on(mask: Any, shape: tuple[int, ...]) -> Any:
    """A mask on a coarser (or finer) grid over the same field of view: the value at each new voxel's centre.

    Args:
        mask: `(B, X, Y[, Z], C)`.
        shape: The new grid's.

    Returns:
        `(B, *shape, C)`.
    """
    for axis, (old, new) in enumerate(zip(mask.shape[1:-1], shape, strict=True), start=1):
        if old != new:
            mask = ops.take(mask, nearest_places(old, new), axis=axis)
    return mask


def nearest_places(old: int, new: int) -> np.ndarray:
    """Of `new` equal parts of an axis of `old` voxels: the voxel at the centre of each, `(new,)` int32."""
    return np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int32), old - 1)
