"""Mean squared difference."""

from __future__ import annotations

from typing import Annotated

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.reduce import masked_mean


class MSE(Similarity):
    """Mean squared difference of two images of one modality.

    `MSE = mean_p,c (fixed(p) - moved(p))² / sigma²`

    `sigma = 1` is the plain mean square; VoxelMorph's probabilistic preset divides by `sigma² = 0.02²`.

    Args:
        sigma: σ, the standard deviation of the image noise in intensity units.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the mean.
    Returns `(B,)`, 0 at best.

    Reference: Balakrishnan et al. 2019, eq. 3, doi:10.1109/TMI.2019.2897538; Dalca et al. 2019, eq. 9.
    """

    def __init__(self, *, sigma: Annotated[float, Field(gt=0)] = 1.0) -> None:
        super().__init__()
        if not sigma > 0:
            raise ValueError(f"`sigma` must be positive. Received: sigma={sigma}")
        self.sigma = sigma

    def call(self, fixed, moved, mask=None):
        return masked_mean(ops.square(fixed - moved), mask) / self.sigma**2
