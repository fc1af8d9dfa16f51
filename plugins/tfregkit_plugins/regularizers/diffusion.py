"""Mean squared first derivatives."""

from __future__ import annotations

from typing import Literal

from keras import ops

from tfregkit.api import Regularizer
from tfregkit_plugins.regularizers.differences import forward_difference


class Diffusion(Regularizer):
    """Mean squared (or absolute) forward difference of a field: VoxelMorph's `Grad`.

    `l2: 1/N Σ_axis mean_p,k (f_k(p + e_axis) - f_k(p))²`, `l1` the same with absolute values, in voxel units.

    A translation costs nothing; a linear field `u = A x` costs `mean_ij A_ij²`.

    Args:
        penalty: `l2` (diffusion) or `l1` (total variation, axis by axis).
        on: The network's output that is penalised.

    Call arguments: `field` `(B, X, Y[, Z], N)`, every axis at least 2 long. Returns `(B,)`.

    Reference: Balakrishnan et al. 2019, eq. 6, doi:10.1109/TMI.2019.2897538.
    """

    def __init__(
        self,
        *,
        penalty: Literal["l1", "l2"] = "l2",
        on: Literal["velocity", "displacement"] = "displacement",
    ) -> None:
        super().__init__(on=on)
        self.penalty = penalty

    def call(self, field):
        measure = ops.square if self.penalty == "l2" else ops.abs
        axes = range(1, len(field.shape) - 1)
        per_axis = [ops.mean(measure(forward_difference(field, axis)), axis=(*axes, -1)) for axis in axes]
        return sum(per_axis) / len(per_axis)
