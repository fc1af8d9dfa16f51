"""Mean squared first derivatives."""

from __future__ import annotations

from typing import Literal

from tfregkit.api import FieldName, Regularizer
from tfregkit.ops.difference_energy import difference_energy


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
        on: FieldName = "displacement",
    ) -> None:
        super().__init__(on=on)
        self.penalty = penalty

    def call(self, field):
        rank = len(field.shape) - 2
        terms = tuple(((axis,), 1 / rank) for axis in range(1, rank + 1))
        return difference_energy(field, terms, absolute=self.penalty == "l1")
