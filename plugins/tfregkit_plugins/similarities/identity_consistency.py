"""The identity loss of MixCL."""

from __future__ import annotations

from typing import Annotated

from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Similarity
from tfregkit.ops.cross_correlation import cross_correlation, departures


class IdentityConsistency(Similarity):
    """Two distorted views of one patch should be embedded alike, and no two channels alike (MixCL).

    `sum_l [ sum_i (1 - C^l_ii)^2 + balance sum_i sum_{j != i} (C^l_ij)^2 ]`: C^l is the cross-correlation of the
    channels of both views' embeddings at level l, over the voxels of the whole batch: Barlow Twins, voxel by voxel.
    Equation 4 prints `C_ii` in the second sum, which would ask for C_ii = 0 as well. It looks at the view `identity`
    of the strategy `mixcl`, or at any view whose features are given for both of its roles.

    Args:
        balance: Lambda of equation 4; not in the paper, 0.0051 in the code of Barlow Twins.
        center: Subtract each channel's mean, as Barlow Twins does. Equation 5 does not: channels that are alike in
            nothing but a common offset are then strongly correlated.
        across_replicas: Sum over the voxels of all devices, not only over those of one's own.

    Call arguments: `fixed`, `moved`, `mask` are not looked at; `features` and `roles` of the `View`. Returns `(B,)`,
    the same for all items, 0 at best; watches `diagonal` and `off_diagonal`, the mean over the levels of the mean C_ii
    (1: nothing of the distortions is left) and of the root mean square of the others (1: all channels are one).

    Reference: Li et al. 2022 (MixCL), eq. 4 and 5; Zbontar et al. 2021 (Barlow Twins), arXiv:2103.03230.
    """

    needs = ("features", "roles")
    watches = ("diagonal", "off_diagonal")
    default_views = ("identity",)

    def __init__(
        self,
        *,
        balance: Annotated[float, Field(ge=0)] = 5e-3,
        center: bool = True,
        across_replicas: bool = False,
    ) -> None:
        super().__init__()
        self.balance = balance
        self.center = center
        self.across_replicas = across_replicas

    def call(self, fixed, moved, mask=None, features=None, roles=("fixed", "moving")):
        if features is None or any(role not in features for role in roles):
            raise ConfigError(
                "similarity `identity_consistency` looks at the network's embeddings of both images, and this view has "
                "none. The strategy `mixcl` has them in its view `identity`."
            )
        first, second = (features[role] for role in roles)
        total, on, off = 0.0, [], []
        for level in sorted(set(first) & set(second)):
            matrix = cross_correlation(first[level], second[level], self.center, self.across_replicas)
            diagonal, others = departures(matrix)
            total = total + diagonal + self.balance * others
            on.append(ops.mean(ops.diagonal(matrix)))
            off.append(ops.sqrt(ops.stop_gradient(others) / max(matrix.shape[0] * (matrix.shape[0] - 1), 1)))
        seen = {"diagonal": ops.stop_gradient(sum(on) / len(on)), "off_diagonal": sum(off) / len(off)}
        return ops.broadcast_to(total, (ops.shape(fixed)[0],)), seen
