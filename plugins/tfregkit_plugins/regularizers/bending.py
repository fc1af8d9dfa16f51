"""Bending energy."""

from __future__ import annotations

from itertools import combinations

from tfregkit.api import FieldName, Regularizer
from tfregkit.ops.difference_energy import difference_energy


class Bending(Regularizer):
    """Mean squared second derivatives of a field.

    `Σ_i mean_p,k (∂_ii f_k)² + 2 Σ_i<j mean_p,k (∂_ij f_k)²`, in voxel units

    with the three-point second difference and the forward difference taken along both axes for the mixed ones. These
    have no checkerboard null space, unlike central differences applied twice (TransMorph, MONAI), which skip every
    other voxel. Each term is averaged over the voxels where its stencil fits, so affine fields cost exactly nothing.

    Args:
        on: The network's output that is penalised.

    Call arguments: `field` `(B, X, Y[, Z], N)`, every axis at least 3 long. Returns `(B,)`.

    Reference: Rueckert et al. 1999, eq. 7, doi:10.1109/42.796284 (integral over the volume there, mean here).
    """

    def __init__(self, *, on: FieldName = "displacement") -> None:
        super().__init__(on=on)

    def call(self, field):
        axes = range(1, len(field.shape) - 1)
        pure = [((axis, axis), 1.0) for axis in axes]
        return difference_energy(field, (*pure, *((pair, 2.0) for pair in combinations(axes, 2))))
