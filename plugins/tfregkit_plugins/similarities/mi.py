"""Global mutual information."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.mutual_information import mutual_information
from tfregkit.ops.random_subset import stratified
from tfregkit.ops.soft_histogram import Bins


class MI(Similarity):
    """Negative mutual information of two images, from a joint histogram with Gaussian bins (not Mattes' B-splines).

    `MI = sum_ab p_ab log(p_ab / (p_a p_b))`, `p_ab = mean_n w_a(fixed_n) w_b(moved_n)`

    with `w_b(x) = exp(-(x - c_b)² / (2 s²))`, normalised so that the weights of a voxel add up to 1, centres
    `c = linspace(range[0], range[1], bins)` and `s = kernel_ratio (c_1 - c_0)`. Values outside `range` are clipped.
    Channels are compared one by one and averaged.

    Args:
        bins: Bins per image: 48 in ContraReg.
        kernel_ratio: `s` in widths of a bin: 0.5 in Guo's and VoxelMorph's code.
        range: The intensities the bins span.
        form: `mi` in nats, or `nmi`: `(H_a + H_b) / H_ab`, from 1 (independent) to 2.
        sample_ratio: The share of voxels looked at in each training step, drawn anew; outside training it is all.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the
    voxels; `noise` `None` or `(B, K)` uniform in [0, 1), by which voxels are drawn. Returns `(B,)`: `-MI`, 0 for
    independent images, or `-NMI`, -1 for those. An empty mask counts as independent.

    Reference: Viola and Wells 1997, doi:10.1023/A:1007958904918; Studholme et al. 1999,
    doi:10.1016/S0031-3203(98)00091-0.
    """

    def __init__(
        self,
        *,
        bins: Annotated[int, Field(ge=2)] = 48,
        kernel_ratio: Annotated[float, Field(gt=0)] = 0.5,
        range: tuple[float, float] = (0.0, 1.0),
        form: Literal["mi", "nmi"] = "mi",
        sample_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    ) -> None:
        super().__init__()
        if not range[0] < range[1]:
            raise ValueError(f"`range` must be two increasing numbers. Received: range={list(range)}")
        self.bins = bins
        self.kernel_ratio = kernel_ratio
        self.range = range
        self.form = form
        self.sample_ratio = sample_ratio

    @property
    def needs(self) -> tuple[str, ...]:
        return ("noise",) if self.sample_ratio < 1 else ()

    def call(self, fixed, moved, mask=None, noise=None):
        mask = ops.ones_like(fixed[..., :1]) if mask is None else mask
        flat = [ops.reshape(x, (ops.shape(x)[0], -1, x.shape[-1])) for x in (fixed, moved, mask)]
        if noise is not None:
            chosen = stratified(noise, ops.shape(flat[0])[1], self.sample_ratio)
            flat = [ops.take_along_axis(x, chosen[..., None], axis=1) for x in flat]
        fixed, moved, mask = (ops.unstack(x, axis=-1) for x in flat)
        rule = Bins(self.bins, self.kernel_ratio, *self.range)
        values = [
            mutual_information(f, m, mask[0], rule, self.form == "nmi") for f, m in zip(fixed, moved, strict=True)
        ]
        return -sum(values[1:], values[0]) / len(values)
