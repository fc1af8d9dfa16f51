"""Normalised gradient fields."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Similarity
from tfregkit.ops.gradient_alignment import central_difference, gradient_alignment


class NGF(Similarity):
    """Normalised gradient fields: edges of the two images should be parallel, whichever way they point.

    With `a`, `b` the gradients of `fixed` and `moved` and `e_a`, `e_b` the sizes below which they are noise:

    `distance: mean_p 1 - (<a, b> + e_a e_b)² / ((|a|² + e_a²) (|b|² + e_b²))` in [0, 1]; flat on flat costs nothing
    `product: mean_p -½ (<a, b> / (sqrt(|a|² + e_a²) sqrt(|b|² + e_b²)))²` in [-½, 0]; flat regions add nothing

    Gradients are central differences, divided by `spacing`; at the border the image goes on as it is. Several channels
    are compared one by one and averaged.

    Args:
        form: `distance` (Haber and Modersitzki's, with both edge parameters) or `product` (AirLab's).
        epsilon: Size of a gradient that is noise, for both images, in intensity units per `spacing`; `auto`: for each
            image the mean of `Σ_i |∂_i I|`, a constant for the gradient, so that gain and offset do not count.
        spacing: Size of a voxel along each axis, null for cubes of size 1. Only its ratios matter with `epsilon: auto`.

    Call arguments: `fixed`, `moved` `(B, X, Y[, Z], C)`; `mask` `None` or `(B, X, Y[, Z], 1)`, which weights the mean.
    Returns `(B,)`. Constant images and an empty mask give 0, as flat on flat; a constant one and another: below 1.

    Reference: Haber and Modersitzki 2006, doi:10.1007/11866763_89; Rühaak et al. 2013; AirLab: Sandkühler et al. 2018.
    """

    def __init__(
        self,
        *,
        form: Literal["distance", "product"] = "distance",
        epsilon: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto",
        spacing: Annotated[list[float], Field(min_length=2, max_length=3)] | None = None,
    ) -> None:
        super().__init__()
        if epsilon != "auto" and not epsilon > 0:
            raise ValueError(f"`epsilon` must be positive or `auto`. Received: epsilon={epsilon}")
        if spacing is not None and not all(size > 0 for size in spacing):
            raise ValueError(f"`spacing` must be positive. Received: spacing={spacing}")
        self.form = form
        self.epsilon = epsilon
        self.spacing = spacing

    def call(self, fixed, moved, mask=None):
        rank = len(fixed.shape) - 2
        spacing = tuple(self.spacing or (1.0,) * rank)
        if len(spacing) != rank:
            raise ConfigError(f"ngf.spacing: {len(spacing)} numbers for images of {rank} axes. Give one for each axis.")
        fixed, moved = (image / self._noise(image, spacing) for image in (fixed, moved))
        if self.form == "distance":
            return gradient_alignment(fixed, moved, mask, spacing, added=1.0)
        return 0.5 * gradient_alignment(fixed, moved, mask, spacing, added=0.0)

    def _noise(self, image, spacing):
        """`e` of each item and channel, or the constant."""
        if self.epsilon != "auto":
            return self.epsilon
        axes = tuple(range(1, len(image.shape) - 1))
        slopes = [ops.abs(central_difference(image, axis)) / size for axis, size in enumerate(spacing, start=1)]
        mean = ops.mean(sum(slopes[1:], slopes[0]), axis=axes, keepdims=True)
        least = 1e-6 * ops.mean(ops.abs(image), axis=axes, keepdims=True) + 1e-20  # rounding errors are no edges
        return ops.stop_gradient(ops.maximum(mean, least))
