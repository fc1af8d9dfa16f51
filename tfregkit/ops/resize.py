"""Linear resizing with aligned corners: the first and last voxels of the two grids coincide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfregkit.backend.dispatch import kernel
from tfregkit.ops.shapes import at_least_float32, check_field, spatial_rank, spatial_shape


def resize_image(image: Any, shape: Sequence[Any]) -> Any:
    """Linear interpolation on another grid: `out(y) = image(y (d - 1) / (d_new - 1))` along each axis.

    Args:
        image: `(B, X, Y[, Z], C)`.
        shape: The new spatial sizes, one per spatial axis.

    Returns:
        `(B, *shape, C)`, computed in float32 at least, in the image's type if that is a floating one.

    Raises:
        ValueError: If `shape` has another number of axes.
    """
    rank = spatial_rank(image, "image")
    if len(shape) != rank:
        raise ValueError(f"`shape` must have {rank} sizes. Received: shape={tuple(shape)}")
    dtype = keras.backend.standardize_dtype(image.dtype)
    resized = at_least_float32(image)
    for axis, (size, new) in enumerate(zip(spatial_shape(image), shape, strict=True), start=1):
        resized = _resize_axis(resized, axis, size, new)
    return ops.cast(resized, dtype) if "float" in dtype else resized


def resize_field(field: Any, shape: Sequence[Any]) -> Any:
    """A displacement or velocity on another grid; component k is scaled by its own axis' ratio `(d_new - 1) / (d - 1)`.

    The ratio is that of the two voxel sizes under aligned corners, so that the resized field is the same motion in
    millimetres (voxelmorph multiplies by `d_new / d` instead). An axis of size 1 on either grid is scaled by
    `d_new / d`.

    Args:
        field: `(B, X, Y[, Z], N)` in voxels of its grid.
        shape: The new spatial sizes.

    Returns:
        `(B, *shape, N)` in voxels of the new grid.

    Raises:
        ValueError: If the field or `shape` has the wrong number of axes.
    """
    check_field(field)
    resized = resize_image(field, shape)
    return resized * axis_ratios(spatial_shape(field), shape, resized.dtype)


def axis_ratios(shape: Sequence[Any], new: Sequence[Any], dtype: Any) -> Any:
    """By what a vector's components are multiplied on another grid, `(N,)`; see `resize_field`."""
    return ops.stack([_ratio(size, other, dtype) for size, other in zip(shape, new, strict=True)])


def _ratio(size: Any, new: Any, dtype: Any) -> Any:
    size, new = ops.cast(size, dtype), ops.cast(new, dtype)
    single = ops.minimum(size, new) < 2
    return ops.where(single, new / size, (new - 1) / ops.maximum(size - 1, 1))


def _resize_axis(image: Any, axis: int, size: Any, new: Any) -> Any:
    known = isinstance(size, int) and isinstance(new, int)
    if known and size == new:
        return image
    fast = kernel("resize_axis", image) if known and min(size, new) > 1 else None
    return (fast or interpolate_axis)(image, axis, size, new)


def interpolate_axis(image: Any, axis: int, size: Any, new: Any) -> Any:
    """Linear interpolation from `size` to `new` points along one axis, first and last points aligned."""
    step = ops.cast(size - 1, image.dtype) / ops.cast(ops.maximum(new - 1, 1), image.dtype)
    position = ops.cast(ops.arange(new), image.dtype) * step
    lower = ops.clip(ops.cast(ops.floor(position), "int32"), 0, ops.maximum(size - 2, 0))
    weight = ops.reshape(position - ops.cast(lower, image.dtype), [-1] + [1] * (len(image.shape) - axis - 1))
    upper = ops.minimum(lower + 1, size - 1)
    return ops.take(image, lower, axis=axis) * (1 - weight) + ops.take(image, upper, axis=axis) * weight
