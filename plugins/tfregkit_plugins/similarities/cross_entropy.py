"""Cross-entropy of classes."""

from __future__ import annotations

from keras import ops

from tfregkit.api import Similarity
from tfregkit.ops.reduce import masked_mean

LEAST = 1e-7
"""Of probabilities whose logits are not known."""


class CrossEntropy(Similarity):
    """`-mean_p sum_c t_c(p) log f_c(p)` of the true classes t and the probabilities f, in nats.

    Compares maps, not images: strategy `segmentation` shows the truth as `fixed` (one map of zeros and ones per class,
    the background first) and the probabilities as `moved`, with the `logits` they are made of. The logarithm is that of
    the logits, which is exact where probabilities round to 0; without logits it is that of `max(f, 1e-7)`.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the mean;
    `logits` `None` or `(B, X, Y[, Z], C)`. Returns `(B,)`; an empty mask gives 0.
    """

    needs = ("logits",)

    def __init__(self) -> None:
        super().__init__()

    def call(self, fixed, moved, mask=None, logits=None):
        if logits is None:
            logarithm = ops.log(ops.maximum(moved, LEAST))
        else:
            logarithm = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        return masked_mean(-ops.sum(fixed * logarithm, axis=-1, keepdims=True), mask)
