"""The change of volume of an affine."""

from __future__ import annotations

from typing import Literal

from keras import ops

from tfregkit.api import Regularizer
from tfregkit.ops.small_matrix import determinant


class Determinant(Regularizer):
    """Change of volume of an affine, mirrored images included: `1/2 (det A - 1)²`.

    Args:
        on: The network's output that is penalised: of a network with an affine part.

    Call arguments: `field` `(B, N, N + 1)`, `[A | b]`, 2-D or 3-D. Returns `(B,)`.

    Reference: Zhao et al. 2020 (VTN), section III-C, doi:10.1109/JBHI.2019.2951024.
    """

    def __init__(self, *, on: Literal["affine"] = "affine") -> None:
        super().__init__(on=on)

    def call(self, field):
        return 0.5 * ops.square(determinant(field[..., :-1]) - 1)
