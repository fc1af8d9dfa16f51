"""Self-similarity context."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.self_similarity import Descriptor
from tfregkit.ops.self_similarity_difference import self_similarity_difference


class MINDSSC(Similarity):
    """Mean squared difference of the images' self-similarity contexts (MIND-SSC), for images of different modalities.

    Around each voxel `p`, the points at `± dilation` along each axis are compared with one another where they are
    neighbours (12 pairs in 3-D, 4 in 2-D), and not with `p` itself, whose noise would be in all of them. With `s_k(p)`
    the mean squared difference of the patches of side `2 radius + 1` around the two points of pair `k`:

    `m_k = s_k - min_j s_j`, `ssc_k = exp(-m_k / V)`, `V = mean_k m_k` within `[1e-3, 1e3]` of its mean over the image

    `MIND-SSC = mean_p,k (ssc_k(fixed)(p) - ssc_k(moved)(p))²`

    The limits of `V` have no gradient. It does not see gain (even negative) and offset. Outside, the image goes on as
    its border.

    Args:
        radius: Of the patches, in voxels.
        dilation: Between a voxel and the points, in voxels.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the mean,
    not the patches. Returns `(B,)` in [0, 1], 0 at best; 0 for two constant images and for an empty mask.

    Reference: Heinrich et al. 2013, doi:10.1007/978-3-642-40811-3_24.
    """

    def __init__(self, *, radius: Annotated[int, Field(ge=0)] = 2, dilation: Annotated[int, Field(ge=1)] = 2) -> None:
        super().__init__()
        if radius < 0:
            raise ValueError(f"`radius` must not be negative. Received: radius={radius}")
        if dilation < 1:
            raise ValueError(f"`dilation` must be positive. Received: dilation={dilation}")
        self.radius = radius
        self.dilation = dilation

    def call(self, fixed, moved, mask=None):
        rule = Descriptor(self.dilation, 2 * self.radius + 1, "shell", squared=True)
        return self_similarity_difference(fixed, moved, mask, rule)
