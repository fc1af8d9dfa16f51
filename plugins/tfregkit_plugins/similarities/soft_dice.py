"""Overlap of the maps of structures."""

from __future__ import annotations

from keras import ops

from tfregkit.api import Similarity
from tfregkit.ops.soft_dice import soft_dice


class SoftDice(Similarity):
    """`1 - mean_c 2 sum(m t f) / (sum(m t) + sum(m f))` over the structures c that an item's truth has.

    Compares maps, not images: strategy `segmentation` shows the truth as `fixed` (one map of zeros and ones per class,
    the background first) and the probabilities as `moved`. A structure that an item does not have is left out of its
    mean, so a crop without it neither gains nor loses; what is then falsely found is `cross_entropy`'s to punish. An
    item without any structure has the value 0.

    Args:
        background: Whether the first of several maps counts too.
        squared: Whether the denominator sums squares, as in V-Net.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)` in [0, 1]; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights
    the sums. Returns `(B,)` in [0, 1].

    Reference: Milletari et al. 2016, section 3, doi:10.1109/3DV.2016.79 (`squared`); the plain form is Dice 1945.
    """

    def __init__(self, *, background: bool = False, squared: bool = False) -> None:
        super().__init__()
        self.background = background
        self.squared = squared

    def call(self, fixed, moved, mask=None):
        first = 0 if self.background or fixed.shape[-1] == 1 else 1
        overlap, sizes = soft_dice(fixed[..., first:], moved[..., first:], mask, self.squared)
        there = ops.cast(sizes > 0, "float32")  # (B, C)
        return ops.sum(there * (1.0 - overlap), axis=-1) / ops.maximum(ops.sum(there, axis=-1), 1.0)
