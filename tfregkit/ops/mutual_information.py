"""The mutual information of two images, whole or in patches: memory bounded by tiles, gradients in closed form."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.ops.soft_histogram import Bins, histogram_gradient, joint_histogram
from tfregkit.ops.tiles import row_length, rows_per_tile, tiles, untiled

_TINY = 1e-30


def information(joint: Any, normalised: bool = False) -> tuple[Any, Any]:
    """Mutual information of joint histograms `(..., A, B)` that add up to 1 (or 0: nothing was counted).

    `MI = sum p_ab log(p_ab / (p_a p_b))` in nats; `NMI = (H_a + H_b) / H_ab`, 1 where `H_ab` is 0.

    Returns:
        The value, `(...)`, and its derivative by each cell, `(..., A, B)`, up to a constant: the weights of a voxel add
        up to 1, so that a constant has no effect.
    """
    first, second = ops.sum(joint, axis=-1, keepdims=True), ops.sum(joint, axis=-2, keepdims=True)
    log_joint, log_first, log_second = (ops.log(ops.maximum(p, _TINY)) for p in (joint, first, second))
    if not normalised:
        slope = log_joint - log_first - log_second
        return ops.sum(joint * slope, axis=(-2, -1)), slope
    entropy = -ops.sum(joint * log_joint, axis=(-2, -1), keepdims=True)
    apart = -ops.sum(joint * (log_first + log_second), axis=(-2, -1), keepdims=True)
    known = ops.cast(entropy > 0, joint.dtype)
    inverse = known / ops.where(entropy > 0, entropy, ops.ones_like(entropy))
    ratio = apart * inverse + (1 - known)
    return ratio[..., 0, 0], (ratio * log_joint - log_first - log_second) * inverse


def mutual_information(fixed: Any, moved: Any, weights: Any, bins: Bins, normalised: bool = False) -> Any:
    """Mutual information over the last axis; see `information`.

    Args:
        fixed: `(G, V)`.
        moved: The same shape.
        weights: The same shape, or `(1, V)`; no gradient. Weights of 0 give the value of nothing counted.
        bins: Of both images.
        normalised: Whether the normalised form is wanted.

    Returns:
        `(G,)`.
    """
    voxels = ops.shape(fixed)[1]
    row = row_length(voxels)
    rows = -(-voxels // row)
    step = rows_per_tile(rows, row)

    def cut(image):
        """`(K, G, step, row)`."""
        image = ops.pad(image, [[0, 0], [0, rows * row - voxels]])
        return tiles(ops.reshape(image, (-1, rows, row)), step)

    def mend(image):
        return ops.reshape(untiled(image, rows), (-1, rows * row))[:, :voxels]

    weights = ops.broadcast_to(weights, ops.shape(fixed))
    share = _share(weights)
    weights = cut(weights)

    @ops.custom_gradient
    def value(fixed, moved):
        fixed, moved = cut(fixed), cut(moved)
        parts = ops.map(lambda tile: ops.sum(joint_histogram(*tile, bins), axis=1), (fixed, moved, weights))
        result, slope = information(ops.sum(parts, axis=0) * share, normalised)

        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            wanted = (slope * share * upstream[:, None, None])[:, None]

            def towards(first, second, wanted):
                """The gradient to the second image."""
                tile = (first, second, weights)
                return mend(ops.map(lambda tile: histogram_gradient(*tile, wanted, bins), tile))

            return towards(moved, fixed, ops.swapaxes(wanted, -1, -2)), towards(fixed, moved, wanted)

        return result, grad

    return value(fixed, moved)


def patch_information(fixed: Any, moved: Any, weights: Any, bins: Bins) -> Any:
    """Mutual information of each patch, in nats; the histograms are made again for the gradient, none is kept.

    Args:
        fixed: `(G, R, V)`: G items of R patches of V voxels.
        moved: The same shape.
        weights: The same shape; no gradient. A patch without weight has the value 0.
        bins: Of both images.

    Returns:
        `(G, R)`.
    """
    rows = ops.shape(fixed)[1]
    step = rows_per_tile(rows, fixed.shape[2])
    weights = tiles(weights, step)

    def inform(fixed, moved, weights):
        share = _share(weights)
        value, slope = information(joint_histogram(fixed, moved, weights, bins) * share)
        return value, slope * share

    @ops.custom_gradient
    def value(fixed, moved):
        fixed, moved = tiles(fixed, step), tiles(moved, step)

        def grad(*args, upstream=None):
            upstream = tiles((args[0] if upstream is None else upstream)[..., None], step)

            def along(tile):
                first, second, weights, upstream = tile
                _, slope = inform(first, second, weights)
                return histogram_gradient(first, second, weights, slope * upstream[..., None], bins)

            def towards(first, second):
                """The gradient to the second image."""
                return untiled(ops.map(along, (first, second, weights, upstream)), rows)

            return towards(moved, fixed), towards(fixed, moved)

        found = ops.map(lambda tile: inform(*tile)[0], (fixed, moved, weights))
        return untiled(found[..., None], rows)[..., 0], grad

    return value(fixed, moved)


def _share(weights: Any) -> Any:
    """What a weight of 1 is of the sum over the last axis, `(..., 1, 1)`; 0 where there is no weight."""
    total = ops.sum(weights, axis=-1)[..., None, None]
    known = ops.cast(total > 0, total.dtype)
    return known / ops.where(total > 0, total, ops.ones_like(total))
