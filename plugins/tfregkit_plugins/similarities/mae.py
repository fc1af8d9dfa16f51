"""Mean absolute difference."""

from __future__ import annotations

from keras import ops

from tfregkit.api import Similarity
from tfregkit.ops.reduce import masked_mean


class MAE(Similarity):
    """Mean absolute difference of two images of one modality, `mean_p,c |fixed(p) - moved(p)|`.

    Beside NCC it is what ContraReg's autoencoders are trained with.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the mean.
    Returns `(B,)`, 0 at best; no gradient where the images agree.

    Reference: Dey et al. 2022 (ContraReg), section 3, doi:10.1007/978-3-031-16446-0_7.
    """

    def __init__(self) -> None:
        super().__init__()

    def call(self, fixed, moved, mask=None):
        difference = fixed - moved
        sign = ops.stop_gradient(ops.sign(difference))  # the slope of `abs` at 0 is 1 on some backends
        return masked_mean(sign * difference, mask)
