"""Mean squared magnitude of the velocity."""

from __future__ import annotations

from keras import ops

from tfregkit.api import FieldName, Regularizer


class VelocityL2(Regularizer):
    """Mean square of the velocity itself, not of its derivatives: `mean_p,k v_k(p)²`, in voxels².

    A constant field is penalised too. The mean runs over voxels and components, so that the weight does not depend on
    the resolution; the paper writes the squared norm.

    Args:
        on: The network's output that is penalised.

    Call arguments: `field` `(B, X, Y[, Z], N)`. Returns `(B,)`.

    Reference: Dey et al. 2022 (ContraReg), section 3, L_reg, doi:10.1007/978-3-031-16446-0_7.
    """

    def __init__(self, *, on: FieldName = "velocity") -> None:
        super().__init__(on=on)

    def call(self, field):
        return ops.mean(ops.square(field), axis=tuple(range(1, len(field.shape))))
