"""How far an affine is from a rotation."""

from __future__ import annotations

from typing import Literal

from keras import ops

from tfregkit.api import Regularizer
from tfregkit.ops.small_matrix import inverse

EPSILON = 1e-5
"""e: keeps the term finite for a singular matrix."""


class Orthogonality(Regularizer):
    """How far an affine's matrix is from an orthogonal one.

    `tr C + (1 + e)² tr C⁻¹ - 2 N (1 + e)` with `C = AᵀA + e I`, `e = 1e-5`. With the singular values s_i of A and
    `c_i = s_i² + e` that is `Σ_i (c_i - (1 + e))² / c_i`: 0 for rotations and reflections, without end where the matrix
    becomes singular. Translations cost nothing.

    Args:
        on: The network's output that is penalised: of a network with an affine part.

    Call arguments: `field` `(B, N, N + 1)`, `[A | b]`, 2-D or 3-D. Returns `(B,)`.

    Reference: Zhao et al. 2020 (VTN), section III-C, doi:10.1109/JBHI.2019.2951024; `tr C⁻¹` is its s2 / s3.
    """

    def __init__(self, *, on: Literal["affine"] = "affine") -> None:
        super().__init__(on=on)

    def call(self, field):
        linear = field[..., :-1]
        rank = linear.shape[-1]
        c = ops.matmul(ops.swapaxes(linear, -1, -2), linear) + EPSILON * ops.eye(rank, dtype=linear.dtype)
        total = ops.trace(c, axis1=-2, axis2=-1) + (1 + EPSILON) ** 2 * ops.trace(inverse(c), axis1=-2, axis2=-1)
        return total - 2 * rank * (1 + EPSILON)
