"""How the channels of two embeddings of the same voxels go together."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.ops.all_replicas import all_replicas

DEAD = 1e-6
"""A channel is dead whose deviation is below this part of its mean's size, or of 1."""


def cross_correlation(first: Any, second: Any, center: bool = True, across_replicas: bool = False) -> Any:
    """`C_ij = sum_m x_mi y_mj / ( sqrt(sum_m x_mi^2) sqrt(sum_m y_mj^2) )` over the M voxels m of the whole batch.

    Two passes over the rows (means, then products) and no more than C x C numbers beside them. The row and the column
    of a dead channel, which has one value everywhere, are 0 and give no gradient. Float32.

    Args:
        first: x, `(B, X, Y[, Z], C)`.
        second: y, the same shape; voxel m is the same place.
        center: Subtract each channel's mean before, which makes C the correlation; without it C is the cosine.
        across_replicas: Whether the voxels of all replicas are summed over, instead of this replica's share of the
            batch. Only means and products are exchanged.

    Returns:
        `(C, C)` in [-1, 1].

    Reference: Zbontar et al. 2021 (Barlow Twins), eq. 2, arXiv:2103.03230; of voxels: Li et al. 2022 (MixCL), eq. 5.
    """
    x, y = ops.cast(first, "float32"), ops.cast(second, "float32")
    floor = DEAD**2
    if center:
        means = _pooled(ops.stack([_mean(x), _mean(y)]), across_replicas)
        x, y = x - means[0], y - means[1]
        floor = floor * (1.0 + ops.square(means))
    squares = ops.stack([_mean(ops.square(x)), _mean(ops.square(y))])
    x, y = (ops.reshape(maps, (-1, maps.shape[-1])) for maps in (x, y))
    products = ops.matmul(ops.transpose(x), y) / ops.cast(ops.shape(x)[0], "float32")
    sums = _pooled(ops.concatenate([squares, products], axis=0), across_replicas)
    squares, products = sums[:2], sums[2:]
    scale = ops.where(squares > floor, ops.rsqrt(ops.maximum(squares, floor)), 0.0)
    return products * scale[0][:, None] * scale[1][None]


def departures(matrix: Any) -> tuple[Any, Any]:
    """`sum_i (1 - C_ii)^2` and `sum_i sum_{j != i} C_ij^2`: how far a matrix is from the identity.

    Args:
        matrix: C, `(C, C)`.

    Returns:
        Two scalars.

    Reference: Zbontar et al. 2021, eq. 1. Equation 4 of MixCL prints `C_ii` in the second sum, which is a slip.
    """
    diagonal = ops.eye(matrix.shape[0], dtype="float32")
    return ops.sum(diagonal * ops.square(1.0 - matrix)), ops.sum((1.0 - diagonal) * ops.square(matrix))


def _mean(maps: Any) -> Any:
    """That of each channel, axis by axis: a sum of all voxels in one go loses three digits of float32."""
    while len(maps.shape) > 1:
        maps = ops.mean(maps, axis=-2)
    return maps


def _pooled(means: Any, across_replicas: bool) -> Any:
    """The mean over all replicas, which have equally many voxels; gradients flow back to each."""
    if not across_replicas:
        return means
    everyone, _ = all_replicas(means[None])
    return ops.mean(everyone, axis=0)
