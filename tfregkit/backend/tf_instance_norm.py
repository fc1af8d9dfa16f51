"""Instance normalisation for TensorFlow on a CPU, by the operation that normalises batches.

That reads and writes once what the generic code goes through a dozen times. But it adds all voxels up in one float32
number: the variance of 192^3 is 1 % off. So slabs are given to it first, their statistics are put together, and it
normalises with those.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tfregkit.backend.loop import has_accelerator

VOXELS, SLABS = 2**15, 512
"""The most voxels of a slab, and the most slabs."""


def instance_norm(x: Any, scale: Any, offset: Any, epsilon: float) -> Any:
    """See `tfregkit.ops.instance_norm`."""
    slabs = _slabs(x)
    if slabs is None or has_accelerator() or x.dtype not in (tf.float32, tf.bfloat16):
        from tfregkit.ops.instance_norm import normalise  # the generic operation, whose module finds this one

        return normalise(x, scale, offset, epsilon)
    batch, channels = x.shape[0], x.shape[-1]
    options = {"epsilon": epsilon, "data_format": "NHWC"}

    @tf.custom_gradient
    def run(x: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
        items = _items(x, batch, channels)
        moments = [_moments(item, slabs) for item in items]
        forward = {"scale": scale, "offset": offset, "is_training": False, **options}
        parts = [
            tf.raw_ops.FusedBatchNormV3(x=item, mean=mean, variance=variance, **forward).y
            for item, (mean, variance) in zip(items, moments, strict=True)
        ]

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            found = [
                tf.raw_ops.FusedBatchNormGradV3(
                    y_backprop=part, x=item, scale=scale, reserve_space_1=mean, reserve_space_2=variance,
                    reserve_space_3=tf.zeros([0]), is_training=True, **options,
                )
                for part, item, (mean, variance) in zip(_items(upstream, batch, channels), items, moments, strict=True)
            ]  # fmt: skip
            d_x = tf.reshape(tf.concat([part.x_backprop for part in found], axis=0), x.shape)
            return d_x, tf.add_n([part.scale_backprop for part in found]), tf.add_n([p.offset_backprop for p in found])

        return tf.reshape(tf.concat(parts, axis=0), x.shape), gradient

    return run(x, tf.cast(scale, tf.float32), tf.cast(offset, tf.float32))


def _items(x: Any, batch: int, channels: int) -> list[Any]:
    """Each item as an image of one row, `(1, 1, voxels, C)`."""
    return tf.split(tf.reshape(x, (batch, 1, -1, channels)), batch, axis=0)


def _moments(item: Any, count: int) -> tuple[Any, Any]:
    """Mean and variance of each channel: of the slabs, then of the slabs' means."""
    voxels, channels = item.shape[2] // count, item.shape[3]
    one, none, empty = tf.ones(channels), tf.zeros(channels), tf.zeros([0])
    slabs = tf.split(tf.reshape(item, (count, 1, voxels, channels)), count, axis=0)
    found = [tf.raw_ops.FusedBatchNormV3(x=slab, scale=one, offset=none, mean=empty, variance=empty) for slab in slabs]
    means = tf.stack([slab.batch_mean for slab in found])
    variances = tf.stack([slab.batch_variance for slab in found]) * ((voxels - 1) / voxels)  # of N - 1 degrees
    mean = tf.reduce_mean(means, axis=0)
    return mean, tf.reduce_mean(variances + tf.math.squared_difference(means, mean), axis=0)


def _slabs(x: Any) -> int | None:
    """How many equal slabs of at most `VOXELS` voxels; None where there are too many, or the shape is not known."""
    if None in x.shape:
        return None
    voxels = math.prod(x.shape[1:-1])
    count = next(n for n in range(-(-voxels // VOXELS), voxels + 1) if voxels % n == 0)
    return count if count <= SLABS and voxels > count else None
