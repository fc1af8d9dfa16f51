"""The masked contrastive similarity of ContraReg."""

from __future__ import annotations

from keras import ops

from tfregkit_plugins.similarities.patch_nce import PatchNCE

ROUNDING = 1e-5
"""How far, as a share of its value, a constant background is from constant once it has been interpolated."""


class MCR(PatchNCE):
    """`patch_nce` with voxels from the foreground only (mCR), so that no background counts as positive or negative.

    The foreground is the objective's mask; where it has none, the voxels in which either image is above its own
    minimum (I > 0 in skull-stripped images) by more than the rounding of interpolation: the union of the binary
    foregrounds of the fixed and the moved image.

    The arguments are those of `patch_nce`.

    Reference: Dey et al. 2022, section 3, doi:10.1007/978-3-031-16446-0_7.
    """

    def call(self, fixed, moved, mask=None, roles=("fixed", "moving"), noise=None, others=None, features=None):
        if mask is None:
            mask = ops.maximum(foreground(fixed), foreground(moved))
        return super().call(fixed, moved, mask, roles, noise, others, features)

    def _region(self, others):
        return None if others is None else foreground(others)


def foreground(image):
    """1 where any channel is above its minimum in that image, beyond rounding: `(B, X, Y[, Z], 1)`. No gradient."""
    image = ops.stop_gradient(ops.convert_to_tensor(image))
    least = ops.min(image, axis=tuple(range(1, len(image.shape) - 1)), keepdims=True)
    return ops.max(ops.cast(image - least > ROUNDING * ops.abs(least), "float32"), axis=-1, keepdims=True)
