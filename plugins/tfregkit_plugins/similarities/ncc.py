"""Local normalised cross-correlation."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.local_correlation import Correlation, local_correlation


class NCC(Similarity):
    """Negative local normalised cross-correlation: `-mean_p cc(p)` over the cubic windows around each voxel.

    `square: cc = c² / (v1 v2)` in [0, 1] (VoxelMorph); `root: cc = c / sqrt(v1 v2)` in [-1, 1] (PC-SwinMorph, eq. 1)

    with `c` the covariance and `v1`, `v2` the variances in a window of `window^N` voxels; outside the image counts as
    zero. `square` does not see the sign of the contrast. Channels are compared one by one and averaged.

    Three rules keep flat windows finite. `clamp`: the images are first brought to mean 0 and variance 1 (constants for
    the gradient), then each variance is at least `epsilon`; a flat window gives 0, whatever the intensities' scale.
    `legacy` adds `epsilon` to the product of the variances' window sums (neurite 0.3.4, MultiPropReg, SYMNet, LapIRN);
    images of low contrast drown in it. `vxm_dev` clamps covariance and variances alike, each as a window sum
    (VoxelMorph's TensorFlow code): a flat window gives 1, and windows of inverse contrast have no gradient.

    Args:
        window: Side of the window in voxels, odd: 9 in VoxelMorph and PC-SwinMorph, 7 in ContraReg's autoencoders.
        form: `square` or `root`.
        epsilon: See above.
        epsilon_mode: `clamp`, `legacy` or `vxm_dev`.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the mean,
    not the windows. Returns `(B,)`, -1 at best; 0 for constant images and for an empty mask.

    Reference: Avants et al. 2008, doi:10.1016/j.media.2007.06.004; Balakrishnan et al. 2019, eq. 5,
    doi:10.1109/TMI.2019.2897538.
    """

    def __init__(
        self,
        *,
        window: Annotated[int, Field(ge=1)] = 9,
        form: Literal["square", "root"] = "square",
        epsilon: Annotated[float, Field(gt=0)] = 1e-5,
        epsilon_mode: Literal["clamp", "legacy", "vxm_dev"] = "clamp",
    ) -> None:
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise ValueError(f"`window` must be odd and positive. Received: window={window}")
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be positive. Received: epsilon={epsilon}")
        self.window = window
        self.form = form
        self.epsilon = epsilon
        self.epsilon_mode = epsilon_mode

    def call(self, fixed, moved, mask=None):
        if self.epsilon_mode == "clamp":
            fixed, moved = _standardised(fixed), _standardised(moved)
        rule = Correlation(self.window, self.form == "root", self.epsilon, self.epsilon_mode)
        return -local_correlation(fixed, moved, mask, rule)


def _standardised(image):
    """Mean 0 and variance 1 per item and channel; less contrast than a thousandth of the mean is not amplified."""
    axes = tuple(range(1, len(image.shape) - 1))
    mean = ops.stop_gradient(ops.mean(image, axis=axes, keepdims=True))
    image = image - mean
    image = image - ops.stop_gradient(ops.mean(image, axis=axes, keepdims=True))  # what rounding left in the first mean
    variance = ops.stop_gradient(ops.mean(ops.square(image), axis=axes, keepdims=True))
    least = 1e-6 * ops.square(mean) + 1e-20  # a constant image must not become its rounding errors
    return image / ops.sqrt(ops.maximum(variance, least))
