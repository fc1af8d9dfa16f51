"""Divergence of a predicted distribution of fields from its prior."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import LatentName, Regularizer
from tfregkit.ops.difference_energy import difference_energy
from tfregkit.ops.shapes import spatial_shape

DEFAULT_PRECISION = {"clmorph": 1.0, "voxelmorph": 10.0, "exact": 10.0}


class KL(Regularizer):
    """Kullback-Leibler divergence of a field's or features' posterior `N(mu, s2)`, independent numbers, from a prior.

    - `clmorph`: the prior is `N(0, 1 / lam)` for every number by itself, so nothing makes neighbours alike:
      `1/2 mean(lam (s2 + mu^2) - log s2 - log lam - 1)`, 0 at its least. Eq. 6 of CLMorph leaves out the constant. With
      `lam` 1 it is eq. 11 of Liu et al. 2022, per number, where `||mu||` is printed without its square.
    - `exact`: the prior is `N(0, (lam L)^-1)`, `L = D - A` the Laplacian of the grid's graph, `D` the number of a
      voxel's neighbours in the image. Per voxel, up to a constant (the prior is improper: L is singular):
      `1/2 [sum_c mean(lam D s2 - log s2) + lam / V sum_edges,c (mu_p - mu_q)^2]`.
    - `voxelmorph`: as VoxelMorph's code has it: the second part is 2 N times smaller where no border is near
      (`lam / 2 sum_axis mean(diff^2) / N` within the brackets of a mean over components), the first is the same.

    The last two are least where `mu` is constant and `s2 = 1 / (lam D)`. `clmorph` is a mean over components, the
    others are their sum.

    Args:
        convention: `clmorph`, `voxelmorph` or `exact`.
        precision: lam. Default: 1 for `clmorph`, whose text gives no variance of the prior; 10 for the others, as in
            VoxelMorph's code.
        on: The network's output: `posterior` of one that draws fields, `latent.P1`, ... of one that draws features.

    Call arguments: `field` `(B, X, Y[, Z], 2 M)`: the means of M components, then their log variances. Returns `(B,)`.

    Reference: Dalca et al. 2019, eq. 7, doi:10.1016/j.media.2019.07.006; Liu et al. 2020, CLMorph, eq. 6,
    arXiv:2011.08894.
    """

    def __init__(
        self,
        *,
        convention: Literal["clmorph", "voxelmorph", "exact"] = "exact",
        precision: Annotated[float, Field(gt=0)] | None = None,
        on: Literal["posterior"] | LatentName = "posterior",
    ) -> None:
        super().__init__(on=on)
        self.convention = convention
        self.precision = precision

    def call(self, field):
        mean, log_variance = ops.split(field, 2, axis=-1)
        lam = self.precision if self.precision is not None else DEFAULT_PRECISION[self.convention]
        everywhere = tuple(range(1, len(field.shape)))
        if self.convention == "clmorph":
            each = lam * (ops.exp(log_variance) + ops.square(mean)) - log_variance
            return 0.5 * (ops.mean(each, axis=everywhere) - ops.log(lam) - 1)
        each = lam * _neighbours(mean) * ops.exp(log_variance) - log_variance
        spread = ops.mean(each, axis=everywhere)
        return 0.5 * mean.shape[-1] * (spread + lam * self._roughness(mean))

    def _roughness(self, mean):
        """The second part over lam, as a mean over components: `(B,)`."""
        sizes = spatial_shape(mean)
        energies = [difference_energy(mean, (((axis,), 1.0),)) for axis in range(1, len(sizes) + 1)]
        if self.convention == "voxelmorph":
            return 0.5 * sum(energies) / len(sizes)
        # A mean over the edges along an axis, times the edges per voxel.
        shares = [ops.cast(size - 1, "float32") / ops.cast(size, "float32") for size in sizes]
        return sum(share * energy for share, energy in zip(shares, energies, strict=True))


def _neighbours(mean):
    """D, the number of neighbours of each voxel that lie in the image: `(1, X, Y[, Z], 1)`."""
    sizes, degree = spatial_shape(mean), 0.0
    for axis, size in enumerate(sizes):
        place = ops.arange(size, dtype="int32")
        along = ops.cast(place > 0, "float32") + ops.cast(place < size - 1, "float32")
        degree = degree + ops.reshape(along, [1] * (axis + 1) + [-1] + [1] * (len(sizes) - axis))
    return degree
