"""The first block of a U-Net's decoder level, normalised first."""

from __future__ import annotations

from tfregkit.layers.cin_block import CINBlock
from tfregkit.layers.up_conv_block import convolve_joined


class UpCINBlock(CINBlock):
    """`CINBlock(concat(up(coarse), skip))` with `up` nearest-neighbour doubling, built without either copy.

    Doubling changes neither a channel's mean nor its variance, so the coarse features are normalised and activated
    before it.

    Call arguments: `coarse` `(B, X/2, Y/2[, Z/2], C1)`; `skip` `(B, X, Y[, Z], C2)`; `lam` `None` or `(B, 1)`.
    Returns `(B, X, Y[, Z], filters)`. The other arguments are those of `CINBlock`.
    """

    def build(self, coarse_shape, skip_shape, lam_shape=None):
        self._build_parts([coarse_shape, skip_shape], lam_shape)

    def call(self, coarse, skip, lam=None):
        coarse, skip = self._activated([coarse, skip], lam)
        return convolve_joined(coarse, skip, self.conv)

    def compute_output_shape(self, coarse_shape, skip_shape, lam_shape=None):
        return (*skip_shape[:-1], self.filters)
