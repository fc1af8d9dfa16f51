"""Sampling an image at displaced positions."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import keras
from keras import ops

from tfregkit.backend.dispatch import kernel
from tfregkit.ops.shapes import at_least_float32, check_field, spatial_rank, spatial_shape


def warp(
    image: Any,
    displacement: Any,
    interpolation: Literal["linear", "nearest"] = "linear",
    fill: Literal["edge"] | float = "edge",
    image_gradient: bool = True,
) -> Any:
    """Pull an image back through a displacement: `moved(p) = image(p + u(p))`, p on the displacement's grid.

    Linear interpolation blends the 2^N neighbours. Its gradient to `u` is piecewise constant between voxels and zero
    along an axis on which the position lies outside the image. A NaN displacement gives NaN (linear) or an edge
    value (nearest).

    Args:
        image: `(B, X, Y[, Z], C)`. Labels of an integer type keep it under `nearest` and become float32 under `linear`.
        displacement: `(B, X', Y'[, Z'], N)` in voxels of the image's grid.
        interpolation: `linear`, or `nearest` (halves go up).
        fill: What lies outside `[0, d - 1]`: the nearest edge voxel, or this value wherever any coordinate is outside.
        image_gradient: Whether a gradient flows to the image. It costs a scatter; say False when the image is data.

    Returns:
        `(B, X', Y'[, Z'], C)`, computed in float32 at least, in the image's type.

    Raises:
        ValueError: If shapes, `interpolation` or `fill` make no sense.
    """
    rank = check_field(displacement, "displacement")
    if spatial_rank(image, "image") != rank:
        raise ValueError(
            "`image` and `displacement` must have the same number of spatial axes. "
            f"Received: shapes {tuple(image.shape)} and {tuple(displacement.shape)}"
        )
    if interpolation not in ("linear", "nearest"):
        raise ValueError(f"`interpolation` must be 'linear' or 'nearest'. Received: interpolation={interpolation!r}")
    if fill != "edge" and not isinstance(fill, int | float):
        raise ValueError(f"`fill` must be 'edge' or a number. Received: fill={fill!r}")
    image, displacement = ops.convert_to_tensor(image), at_least_float32(displacement)
    if not image_gradient:
        image = ops.stop_gradient(image)
    if interpolation == "nearest":
        moved = _nearest(image, displacement)
    else:
        moved = _linear(image, displacement, image_gradient)
    if fill == "edge":
        return moved
    return ops.where(_inside(displacement, spatial_shape(image)), moved, ops.cast(fill, moved.dtype))


def _linear(image: Any, displacement: Any, image_gradient: bool) -> Any:
    dtype = keras.backend.standardize_dtype(image.dtype)
    result = dtype if "float" in dtype else "float32"
    image = ops.cast(image, displacement.dtype)
    sample = kernel("sample_linear", image, displacement) or _sample_linear
    return ops.cast(sample(image, displacement, image_gradient), result)


def _sample_linear(image: Any, displacement: Any, image_gradient: bool) -> Any:
    """Sum over the 2^N corners of weight times voxel."""
    shape = spatial_shape(image)
    lower, weights = [], []
    for position, size in zip(_positions(displacement), shape, strict=True):
        last = ops.cast(size - 1, position.dtype)
        # Comparisons with NaN are false, so that NaN survives the clipping and reaches the weight.
        clipped = ops.where(position < 0, ops.zeros_like(position), ops.where(position > last, last, position))
        index = ops.clip(ops.cast(ops.floor(clipped), "int32"), 0, ops.maximum(size - 2, 0))
        lower.append(index)
        weights.append(clipped - ops.cast(index, clipped.dtype))
    moved = None
    for corner in itertools.product((0, 1), repeat=len(shape)):
        index = [ops.minimum(i + c, size - 1) for i, c, size in zip(lower, corner, shape, strict=True)]
        weight = 1
        for c, w in zip(corner, weights, strict=True):
            weight = weight * (w if c else 1 - w)
        term = weight[..., None] * gather_voxels(image, index)
        moved = term if moved is None else moved + term
    return moved


def _nearest(image: Any, displacement: Any) -> Any:
    shape = spatial_shape(image)
    index = [
        ops.cast(ops.clip(ops.floor(position + 0.5), 0, ops.cast(size - 1, position.dtype)), "int32")
        for position, size in zip(_positions(ops.nan_to_num(displacement)), shape, strict=True)
    ]
    return gather_voxels(image, index)


def _inside(displacement: Any, shape: tuple[Any, ...]) -> Any:
    """`(B, X, Y[, Z], 1)`: whether every coordinate lies in `[0, d - 1]`; NaN counts as inside."""
    inside = True
    for position, size in zip(_positions(displacement), shape, strict=True):
        outside = ops.logical_or(position < 0, position > ops.cast(size - 1, position.dtype))
        inside = ops.logical_and(inside, ops.logical_not(outside))
    return inside[..., None]


def _positions(displacement: Any) -> list[Any]:
    """The coordinate along each axis, `(B, X, Y[, Z])` each."""
    shape = spatial_shape(displacement)
    positions = []
    for axis, size in enumerate(shape):
        line = ops.cast(ops.arange(size), displacement.dtype)
        line = ops.reshape(line, [1] + [-1 if other == axis else 1 for other in range(len(shape))])
        positions.append(line + displacement[..., axis])
    return positions


def gather_voxels(image: Any, index: list[Any]) -> Any:
    """`image[b, i, j[, k], :]` for index tensors `(B, X, Y[, Z])` that lie inside the image."""
    batch, *shape, channels = ops.shape(image)
    flat = ops.reshape(ops.arange(batch), [-1] + [1] * len(shape))
    for i, size in zip(index, shape, strict=True):
        flat = flat * size + i
    return ops.take(ops.reshape(image, (-1, channels)), flat, axis=0)
