"""The patchwise contrastive loss of PC-SwinMorph."""

from __future__ import annotations

from typing import Annotated

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.info_nce import info_nce
from tfregkit.ops.unit import spread
from tfregkit_plugins.similarities.embedding import Embedding


class PatchContrast(Similarity):
    """Contrast within a pair (PC-SwinMorph): a patch's features should tell the patch at its place in the other image.

    `1/(2N) sum_i ( l(x_i, y_i) + l(y_i, x_i) )` with `l(x_i, y_i) = -log( exp(x_i·y_i / temperature) / sum_{j <= N}
    exp(x_i·y_j / temperature) )` over the `N = patches^3` patches of a pair. x_i and y_i are the means of the network's
    feature maps over patch i of the moving and the fixed image, through a linear layer, at length 1. It works with any
    network that gives features, whether or not that sees the images in patches, and with a single pair. Like `nt_xent`
    it looks at features only, and at `forward` alone.

    The paper prints sums over n, the patches along one axis, and a minus before the sum of losses that have theirs
    already (equations 4 to 6): taken literally it would be maximised.

    Args:
        level: The feature map; `null`: the coarsest.
        patches: Along each axis.
        width: Of x_i and y_i; not in the paper.
        shared: Use one linear layer for both images; the paper has one for each.
        temperature: tau; 1 in the paper.

    Call arguments: `fixed`, `moved`, `mask` are not looked at; `features` of the `View`. Returns `(B,)`: with 8 patches
    and temperature 1, log 8 = 2.079 when all vectors are equal, 1.274 when they are orthogonal to all but their
    partner, and never less than 0.667; watches `spread` over the patches, 0 when the features have collapsed.

    Reference: Liu et al. (PC-SwinMorph), equations 4 to 6, arXiv:2203.05684.
    """

    needs = ("features",)
    watches = ("spread",)
    default_views = ("forward",)

    def __init__(
        self,
        *,
        level: str | None = None,
        patches: Annotated[int, Field(ge=2)] = 2,
        width: Annotated[int, Field(gt=0)] = 64,
        shared: bool = False,
        temperature: Annotated[float, Field(gt=0)] = 1.0,
    ) -> None:
        super().__init__()
        self.level = level
        self.patches = patches
        self.width = width
        self.shared = shared
        self.temperature = temperature
        self.embedding = Embedding(level=level, width=width, shared=shared, blocks=patches)

    def build(self, fixed_shape, moved_shape, features_shape=None):
        self.embedding.create("patch_contrast", features_shape)

    def call(self, fixed, moved, mask=None, features=None):
        rows = self.embedding(features)
        x, y = rows["moving"], rows["fixed"]
        losses = (info_nce(x, y, self.temperature) + info_nce(y, x, self.temperature)) / 2
        return losses, {"spread": ops.mean((spread(x) + spread(y)) / 2)}
