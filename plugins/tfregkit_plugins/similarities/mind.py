"""Modality-independent neighbourhood descriptor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.self_similarity import Descriptor
from tfregkit.ops.self_similarity_difference import self_similarity_difference


class MIND(Similarity):
    """Mean absolute difference of the images' MIND descriptors, for images of different modalities.

    For the `2N` neighbours at `± distance` voxels along each axis, with `s_k(p)` the mean over the patch around `p` of
    `(I(q) - I(q + distance_k))²`:

    `mind_k(p) = exp(-s_k(p) / V(p))`, `MIND = mean_p,k |mind_k(fixed)(p) - mind_k(moved)(p)|`

    `variance: local` takes `V(p) = mean_k s_k(p)` within `[1e-3, 1e3]` of its mean over the image (limits without
    gradient): the descriptor does not see gain (even negative) and offset. `fixed` takes the constant `fixed_variance`,
    which depends on the intensities' scale. Outside, the image goes on as its border.

    Not Heinrich's first MIND in three things: patches are cubes, not Gaussians of sigma 0.5; neighbours are `distance`
    away; channels are not divided by the largest one.

    Args:
        distance: Between a voxel and its neighbours, in voxels (ContraReg: 2).
        patch: Side of the patches in voxels, odd (ContraReg: 3).
        variance: `local` or `fixed`.
        fixed_variance: `V` where `variance` is `fixed`, in squared intensity units: 0.004 suits images in [0, 1].

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the mean,
    not the patches. Returns `(B,)` in [0, 1], 0 at best; 0 for two constant images and for an empty mask.

    Reference: Heinrich et al. 2012, eqs. 1-5, doi:10.1016/j.media.2012.05.008; Dey et al. 2022 (ContraReg), section 4,
    doi:10.1007/978-3-031-16446-0_7.
    """

    def __init__(
        self,
        *,
        distance: Annotated[int, Field(ge=1)] = 2,
        patch: Annotated[int, Field(ge=1)] = 3,
        variance: Literal["local", "fixed"] = "local",
        fixed_variance: Annotated[float, Field(gt=0)] = 0.004,
    ) -> None:
        super().__init__()
        if distance < 1:
            raise ValueError(f"`distance` must be positive. Received: distance={distance}")
        if patch < 1 or patch % 2 == 0:
            raise ValueError(f"`patch` must be odd and positive. Received: patch={patch}")
        if not fixed_variance > 0:
            raise ValueError(f"`fixed_variance` must be positive. Received: fixed_variance={fixed_variance}")
        self.distance = distance
        self.patch = patch
        self.variance = variance
        self.fixed_variance = fixed_variance

    def call(self, fixed, moved, mask=None):
        constant = self.fixed_variance if self.variance == "fixed" else None
        rule = Descriptor(self.distance, self.patch, "star", constant)
        return self_similarity_difference(fixed, moved, mask, rule)
