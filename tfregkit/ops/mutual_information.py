"""The mutual information of two images, with memory bounded by tiles and a gradient in closed form."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfregkit.ops.soft_histogram import Bins, histogram_gradient, joint_histogram, tiles, untiled

_TINY = 1e-30
_ROW = 4096


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
    weights = ops.broadcast_to(_shares(weights), ops.shape(fixed))
    voxels = ops.shape(fixed)[1]
    row = min(_ROW, voxels) if isinstance(voxels, int) else _ROW
    rows = -(-voxels // row)

    def rowwise(image):
        image = ops.pad(image, [[0, 0], [0, rows * row - voxels]])
        return tiles(ops.reshape(image, (-1, rows, row)), row)

    weights = rowwise(weights)

    @ops.custom_gradient
    def value(fixed, moved):
        fixed, moved = rowwise(fixed), rowwise(moved)
        parts = ops.map(lambda tile: ops.sum(joint_histogram(*tile, bins), axis=1), (fixed, moved, weights))
        result, slope = information(ops.sum(parts, axis=0), normalised)

        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            towards = (slope * upstream[:, None, None])[:, None]
            mirrored = ops.swapaxes(towards, -1, -2)

            def flat(first, second, towards):
                found = ops.map(lambda tile: histogram_gradient(*tile, towards, bins), (first, second, weights))
                return ops.reshape(untiled(found, rows), (-1, rows * row))[:, :voxels]

            return flat(moved, fixed, mirrored), flat(fixed, moved, towards)

        return result, grad

    return value(fixed, moved)


def _shares(weights: Any) -> Any:
    """The weights divided by their sum over the last axis; zeros stay."""
    total = ops.sum(weights, axis=-1, keepdims=True)
    return weights / ops.where(total > 0, total, ops.ones_like(total))
