"""Mutual information of patches."""

from __future__ import annotations

from typing import Annotated

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.mutual_information import patch_information
from tfregkit.ops.patches import patches, random_corner
from tfregkit.ops.soft_histogram import Bins


class LocalMI(Similarity):
    """Negative mutual information of cubic patches, each with a joint histogram of its own, averaged over patches.

    `LocalMI = mean_P MI(fixed on P, moved on P)`, with the `MI` of the similarity `mi`

    The patches do not overlap and cover the image; what reaches over its border does not count. With few voxels for
    a histogram's many cells (729 for 2304 by default) the values are far too high, 0.45 nats for independent images:
    compare them for equal `patch` and `bins` only. Channels are compared one by one and averaged.

    Args:
        patch: Side of a patch in voxels: 9 in ContraReg.
        bins: Bins per image: 48 in ContraReg.
        kernel_ratio: Standard deviation of a bin's kernel in widths of a bin.
        range: The intensities the bins span; values outside are clipped.
        random_offset: Whether the grid of patches is shifted at random in each training step, by the same for all
            items of a batch, so that no border of patches stays in its place.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the
    voxels: patches without weight are left out, the others count alike; `noise` `None` or `(B, K)` uniform in [0, 1),
    by which the grid is shifted. Returns `(B,)`, 0 for an empty mask.

    Reference: Guo 2019, Multi-modal image registration with unsupervised deep learning, MSc thesis, MIT,
    hdl.handle.net/1721.1/123142; ContraReg (Dey et al. 2022), doi:10.1007/978-3-031-16446-0_7.
    """

    def __init__(
        self,
        *,
        patch: Annotated[int, Field(ge=2)] = 9,
        bins: Annotated[int, Field(ge=2)] = 48,
        kernel_ratio: Annotated[float, Field(gt=0)] = 0.5,
        range: tuple[float, float] = (0.0, 1.0),
        random_offset: bool = False,
    ) -> None:
        super().__init__()
        if not range[0] < range[1]:
            raise ValueError(f"`range` must be two increasing numbers. Received: range={list(range)}")
        self.patch = patch
        self.bins = bins
        self.kernel_ratio = kernel_ratio
        self.range = range
        self.random_offset = random_offset

    @property
    def needs(self) -> tuple[str, ...]:
        return ("noise",) if self.random_offset else ()

    def call(self, fixed, moved, mask=None, noise=None):
        corner = None if noise is None else random_corner(noise, self.patch, len(fixed.shape) - 2)
        mask = ops.ones_like(fixed[..., :1]) if mask is None else mask
        weights = patches(mask, self.patch, corner)[0]
        rule = Bins(self.bins, self.kernel_ratio, *self.range)
        pairs = zip(*(patches(image, self.patch, corner) for image in (fixed, moved)), strict=True)
        values = [patch_information(f, m, weights, rule) for f, m in pairs]
        seen = ops.cast(ops.sum(weights, axis=-1) > 0, weights.dtype)
        total = ops.maximum(ops.sum(seen, axis=1), 1)
        return -sum(ops.sum(value * seen, axis=1) / total for value in values) / len(values)
