"""A contrastive loss whose positives are voxels of one class in two images."""

from __future__ import annotations

from typing import Any, Literal

from keras import ops

from tfregkit.ops.info_nce import EXCLUDED
from tfregkit.ops.unit import unit

Reduction = Literal["global", "anchor_in", "supcon_out"]


def label_relation(first: Any, second: Any) -> tuple[Any, Any]:
    """Which pairs of voxels are drawn together and which are looked at.

    A is 1 for two voxels of one structure and 0 for voxels of different classes, of which one may be background. Two
    voxels of background are not looked at: what one data set calls background may be a structure of another. Voxels of
    class -1 (unlabelled, or not drawn) take part in no pair.

    Args:
        first: Classes of voxels of one image, `(B, n)`: 0 for the background.
        second: Those of the other, `(B, m)`.

    Returns:
        `A = 1` and `A in {0, 1}`, both `(B, n, m)` bool.

    Reference: Li et al. 2022 (MixCL), section 2.3, figure 2 (d).
    """
    first, second = ops.expand_dims(first, -1), ops.expand_dims(second, 1)
    known = ops.logical_and(first >= 0, second >= 0)
    considered = ops.logical_and(known, ops.logical_or(first > 0, second > 0))
    return ops.logical_and(considered, ops.equal(first, second)), considered


def label_contrast(
    first: Any,
    second: Any,
    first_classes: Any,
    second_classes: Any,
    temperature: float,
    reduction: Reduction = "global",
) -> tuple[Any, Any]:
    """Voxels of one class should be more alike than those of different classes: a supervised InfoNCE.

    With `s_ij = cos(x_i, y_j) / t` over the pairs of an item's two images (see `label_relation`):

    - `global`: `-log( sum_{A=1} exp(s_ij) / sum_{A in {0,1}} exp(s_ij) )`, one ratio of all pairs;
    - `anchor_in`: the same for the pairs of each voxel i of the first image, averaged over these;
    - `supcon_out`: `mean_{j: A=1} -log( exp(s_ij) / sum_{k: A in {0,1}} exp(s_ik) )`, averaged over the voxels i.

    A ratio (a voxel i) counts that has positives and negatives, since it says nothing without either. Logits are
    float32, and their log-sum-exp is taken.

    Args:
        first: x, `(B, n, d)`.
        second: y, `(B, m, d)`.
        first_classes: `(B, n)`.
        second_classes: `(B, m)`.
        temperature: t.
        reduction: See above.

    Returns:
        `(B,)`, 0 without a gradient where nothing counts, and which items have positives at all, `(B,)` bool. For equal
        vectors `log((P + Q) / P)` of P positive and Q negative pairs, or `log(P + Q)` with `supcon_out`.

    Reference: Li et al. 2022 (MixCL), eq. 6, which prints Z_1 for both images; Khosla et al. 2020 (SupCon), eq. 2 and
    3, arXiv:2004.11362.
    """
    x, y = (unit(ops.cast(rows, "float32")) for rows in (first, second))
    logits = ops.matmul(x, ops.transpose(y, (0, 2, 1))) / temperature
    positive, considered = label_relation(first_classes, second_classes)
    if reduction == "global":
        shape = (-1, 1, first.shape[1] * second.shape[1])
        logits, positive, considered = (ops.reshape(pairs, shape) for pairs in (logits, positive, considered))
    negative = ops.logical_and(considered, ops.logical_not(positive))
    counts = ops.logical_and(ops.any(positive, axis=-1), ops.any(negative, axis=-1))
    if reduction == "supcon_out":
        number = ops.sum(ops.cast(positive, "float32"), axis=-1)
        found = ops.sum(ops.where(positive, logits, 0.0), axis=-1) / ops.maximum(number, 1.0)
    else:
        found = ops.logsumexp(ops.where(positive, logits, EXCLUDED), axis=-1)
    losses = ops.logsumexp(ops.where(considered, logits, EXCLUDED), axis=-1) - found
    total = ops.sum(ops.where(counts, losses, 0.0), axis=-1)
    number = ops.sum(ops.cast(counts, "float32"), axis=-1)
    return total / ops.maximum(number, 1.0), ops.any(positive, axis=(1, 2))
