"""Fusing the feature maps of several images of one scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfregkit.ops.window import box_sum

EPSILON = 1e-8
"""Activity that all images have everywhere: where none has any, they count alike."""


def l1_weights(maps: Sequence[Any], radius: int = 1) -> list[Any]:
    """How much each image counts at each voxel: its share of the block-averaged l1-norms.

    `w_i(p) = (A_i(p) + eps) / sum_j (A_j(p) + eps)`, where `A_i` is the mean of `sum_c |maps_i(q, c)|` over the block
    of `(2 radius + 1)^N` voxels around p. The `eps` of 1e-8 is ours: the paper leaves 0 / 0 open.

    Args:
        maps: One `(B, X, Y[, Z], F)` per image.
        radius: r of the blocks; 1 in the paper. Outside the image counts as zero, for all images alike.

    Returns:
        One `(B, X, Y[, Z], 1)` float32 per image, in [0, 1]; they sum to 1.

    Reference: Li and Wu 2019, section III, doi:10.1109/TIP.2018.2887342.
    """
    norms = [ops.sum(ops.abs(ops.cast(features, "float32")), axis=-1, keepdims=True) for features in maps]
    side = 2 * radius + 1
    activity = [box_sum(norm, side) / side ** (len(norm.shape) - 2) + EPSILON for norm in norms]
    total = sum(activity)
    return [each / total for each in activity]


def fuse_l1(maps: Sequence[Any]) -> Any:
    """`sum_i w_i maps_i` with `l1_weights`: maps that are all the same are given back."""
    weights = l1_weights(maps)
    return sum(ops.cast(weight, features.dtype) * features for weight, features in zip(weights, maps, strict=True))


def fuse_addition(maps: Sequence[Any]) -> Any:
    """`sum_i maps_i`, as published: n maps that are all the same come out n times as strong."""
    return sum(maps)


FUSION_RULES = {"l1": fuse_l1, "addition": fuse_addition}
"""Maps `(B, X, Y[, Z], F)`, one for each image, to one, by the name of the rule."""
