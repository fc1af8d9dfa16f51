"""Penalty on folding."""

from __future__ import annotations

from keras import ops

from tfregkit.api import FieldName, Regularizer
from tfregkit.ops.difference_energy import forward_difference


class NegativeJacobian(Regularizer):
    """Mean depth of the folds: `mean_p max(0, -det J_phi(p))` with `phi(p) = p + field(p)`.

    The derivatives are forward differences on the `(X-1)(Y-1)(Z-1)` cells, exact for affine maps. The term is zero, and
    so is its gradient, wherever the map does not fold: use it next to a smoothness term, never alone.

    Args:
        on: The network's output that is penalised; a displacement, for a velocity's Jacobian says nothing about folds.

    Call arguments: `field` `(B, X, Y[, Z], N)` in voxels, 2-D or 3-D, every axis at least 2 long. Returns `(B,)`.

    Reference: Liu et al. 2022 (MultiPropReg), eq. 12, doi:10.1109/TPAMI.2021.3115825, which writes |J_v|: the
    determinant of φ is meant. Mok and Chung 2020 (SYMNet), eq. 7, doi:10.1109/CVPR42600.2020.00470.
    """

    def __init__(self, *, on: FieldName = "displacement") -> None:
        super().__init__(on=on)

    def call(self, field):
        rank = len(field.shape) - 2
        rows = [self._row(field, axis) for axis in range(1, rank + 1)]
        return ops.mean(ops.relu(-_determinant(rows)), axis=tuple(range(1, rank + 1)))

    @staticmethod
    def _row(field, axis: int):
        """`∂_axis phi_k` for all k on the cells: `(B, X-1, Y-1[, Z-1], N)`."""
        rank = len(field.shape) - 2
        cells = tuple(slice(None, None if a == axis else -1) for a in range(1, rank + 1))
        difference = forward_difference(field[(slice(None), *cells)], axis)
        return difference + ops.cast(ops.arange(rank) == axis - 1, field.dtype)


def _determinant(rows):
    """Determinant of the 2x2 or 3x3 matrix with the given rows, each `(..., N)`."""
    if len(rows) == 2:
        (a, b), (c, d) = ([row[..., k] for k in range(2)] for row in rows)
        return a * d - b * c
    (a, b, c), (d, e, f), (g, h, i) = ([row[..., k] for k in range(3)] for row in rows)
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
