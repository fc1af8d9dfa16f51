"""The matching module of a propagative network."""

from __future__ import annotations

from keras import ops

from tfregkit.ops.warp import warp
from tfregkit_plugins.networks.propagative_convolutions import FieldConvolutions


class Matching(FieldConvolutions):
    """A field from where the features of two images do not fit: `u = M(e, f_t, phi, x)`, `e = ||f_t - f_s o phi||_1`.

    Call arguments: `moving` f_s and `fixed` f_t `(B, x, y[, z], C)`; `displacement` of phi `(B, x, y[, z], N)` and
    `context` x `(B, x, y[, z], K)`, a coarser stage's on this grid, or both None: phi is the identity then.
    Returns u, `(B, x, y[, z], N)` float32, and the maps of which it is made.

    Reference: Liu et al. 2022, eq. 4 and 5, doi:10.1109/TPAMI.2021.3115825; what goes in as in the authors' code.
    """

    def build(self, moving_shape, fixed_shape, displacement_shape=None, context_shape=None):
        coarser = 0 if displacement_shape is None else displacement_shape[-1] + context_shape[-1]
        self._build(len(fixed_shape) - 2, 1 + fixed_shape[-1] + coarser)

    def call(self, moving, fixed, displacement=None, context=None):
        error = matching_error(moving, fixed, displacement)
        maps = [error, fixed] if displacement is None else [error, fixed, displacement, context]
        return self._field(ops.concatenate([ops.cast(part, self.compute_dtype) for part in maps], axis=-1))


def matching_error(moving, fixed, displacement=None):
    """`||f_t - f_s o phi||_1`, the sum over channels: `(B, x, y[, z], 1)` float32; eq. 5."""
    if displacement is not None:
        moving = warp(moving, displacement)
    difference = ops.cast(fixed, "float32") - ops.cast(moving, "float32")
    return ops.sum(ops.abs(difference), axis=-1, keepdims=True)
