"""Charbonnier difference."""

from __future__ import annotations

from typing import Annotated

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.reduce import masked_mean


class Charbonnier(Similarity):
    """A squared difference that forgives outliers: quadratic below `sigma`, linear above.

    `mean_p,c sqrt(1 + ((fixed(p) - moved(p)) / sigma)²) - 1`

    Args:
        sigma: The difference, in units of intensity, at which it turns from quadratic to linear.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`.
    Returns: `(B,)`, 0 at best.

    Reference: Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553.
    """

    def __init__(self, *, sigma: Annotated[float, Field(gt=0)] = 0.1) -> None:
        super().__init__()
        self.sigma = sigma

    def call(self, fixed, moved, mask=None):
        difference = (fixed - moved) / self.sigma  # (B, X, Y[, Z], C)
        return masked_mean(ops.sqrt(1.0 + ops.square(difference)) - 1.0, mask)
