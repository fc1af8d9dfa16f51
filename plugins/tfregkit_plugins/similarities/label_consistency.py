"""The label loss of MixCL."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Similarity
from tfregkit.ops.all_replicas import replica_mean
from tfregkit.ops.label_contrast import label_contrast


class LabelConsistency(Similarity):
    """Voxels of one structure should be embedded alike in two patches, and unlike all other voxels (MixCL).

    `-log( sum_{A=1} exp(cos(z_i, z'_j) / temperature) / sum_{A in {0,1}} exp(cos(z_i, z'_j) / temperature) )` over the
    pairs of a voxel i drawn in one patch and a voxel j drawn in the other: A is 1 for one structure and 0 for different
    classes; pairs of background are left out, since what is background in one data set is a structure in another. Items
    without a structure in both patches (and so all without labels) give 0, and the batch's mean is that over the
    others. It looks at the view `label` of the strategy `mixcl`, which draws the voxels.

    Args:
        temperature: tau.
        reduction: `global`: one ratio for all pairs of an item, as equation 6 is printed, which the easiest positive
            pairs dominate; `anchor_in`: a ratio for each voxel of the first patch; `supcon_out`: the mean of each of
            its positive pairs' own ratios, as in SupCon, which is usually the better-behaved one.

    Call arguments: `fixed`, `moved`, `mask` are not looked at; `samples` and `roles` of the `View`. Returns `(B,)`,
    near 0 for `global` and `anchor_in` when the classes are apart; watches `positives`, the share of items that have
    any.

    Reference: Li et al. 2022 (MixCL), eq. 6, which prints Z_1 for both patches; Khosla et al. 2020 (SupCon),
    arXiv:2004.11362.
    """

    needs = ("samples", "roles")
    watches = ("positives",)
    default_views = ("label",)

    def __init__(
        self,
        *,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
        reduction: Literal["global", "anchor_in", "supcon_out"] = "global",
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.reduction = reduction

    def call(self, fixed, moved, mask=None, samples=None, roles=("fixed", "moving")):
        if samples is None:
            raise ConfigError(
                "similarity `label_consistency` looks at voxels that are drawn by their labels, and this view has "
                "none. The strategy `mixcl` has them in its view `label`."
            )
        first, second = (samples[role] for role in roles)
        losses, found = label_contrast(
            first.embeddings, second.embeddings, first.classes, second.classes, self.temperature, self.reduction
        )
        share = replica_mean(ops.mean(ops.cast(found, "float32")))
        return losses / ops.where(share > 0, share, 1.0), {"positives": share}
