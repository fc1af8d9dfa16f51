"""The regularisation module of a propagative network."""

from __future__ import annotations

from tfregkit_plugins.networks.propagative_convolutions import FieldConvolutions


class ContextRegularization(FieldConvolutions):
    """A field refined by what is around: `v = u + R(u)`, R of dilated convolutions.

    Call arguments: `update` u `(B, x, y[, z], N)` float32, in voxels. Returns v, the same shape.

    Reference: Liu et al. 2022, eq. 6, doi:10.1109/TPAMI.2021.3115825; layers as in the authors' code.
    """

    def build(self, update_shape):
        self._build(len(update_shape) - 2, update_shape[-1])

    def call(self, update):
        return update + self._field(update)[0]
