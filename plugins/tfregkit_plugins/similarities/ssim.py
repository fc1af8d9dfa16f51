"""Structural similarity."""

from __future__ import annotations

from typing import Annotated

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.gaussian_mean import gaussian_mean
from tfregkit.ops.reduce import masked_mean

Side = Annotated[int, Field(ge=1)]


class SSIM(Similarity):
    """One minus the structural similarity: `1 - mean_p SSIM(p)`, for images of one modality and one range.

    `SSIM = (2 mu_f mu_m + C1) (2 cov + C2) / ((mu_f² + mu_m² + C1) (var_f + var_m + C2))`,
    `C1 = (0.01 data_range)²`, `C2 = (0.03 data_range)²`

    with means, variances and covariance of Gaussian windows around each voxel. At the border the part of a window
    inside the image counts; Wang's code leaves those windows out. Channels are compared one by one and averaged.

    Args:
        window: Side of the windows in voxels, odd; one number, or one for each axis: `[11, 11, 1]` looks at the slices
            of 3-D images one by one.
        sigma: Of the Gaussian, in voxels.
        data_range: The largest difference of intensities: 1 for images in [0, 1].

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the mean,
    not the windows. Returns `(B,)` in [0, 2], 0 at best; 1 for an empty mask.

    Reference: Wang et al. 2004, eq. 13, doi:10.1109/TIP.2003.819861.
    """

    def __init__(
        self,
        *,
        window: Side | Annotated[list[Side], Field(min_length=2, max_length=3)] = 11,
        sigma: Annotated[float, Field(gt=0)] = 1.5,
        data_range: Annotated[float, Field(gt=0)] = 1.0,
    ) -> None:
        super().__init__()
        sides = [window] if isinstance(window, int) else list(window)
        if any(side < 1 or side % 2 == 0 for side in sides):
            raise ValueError(f"`window` must be odd and positive. Received: window={window}")
        for name, value in (("sigma", sigma), ("data_range", data_range)):
            if not value > 0:
                raise ValueError(f"`{name}` must be positive. Received: {name}={value}")
        self.window = window if isinstance(window, int) else sides
        self.sigma = sigma
        self.data_range = data_range

    def call(self, fixed, moved, mask=None):
        moments = ops.concatenate([fixed, moved, fixed * fixed, moved * moved, fixed * moved], axis=-1)
        f, m, ff, mm, fm = ops.split(gaussian_mean(moments, self.window, self.sigma), 5, axis=-1)
        c1, c2 = (0.01 * self.data_range) ** 2, (0.03 * self.data_range) ** 2
        likeness = (2 * f * m + c1) * (2 * (fm - f * m) + c2)
        likeness = likeness / ((f * f + m * m + c1) * (ff - f * f + mm - m * m + c2))
        return 1 - masked_mean(likeness, mask)
