"""An affine network before any registration network."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from tfregkit.api import ConfigError, Network
from tfregkit.ops import affine_to_displacement, compose, compose_affine, invert_affine, resize_affine, warp
from tfregkit_plugins.networks.affine import Affine


class AffineDeformable(Network):
    """An affine network, then a deformable one that sees the moving image where the affine has put it; one warp.

    With the affine `T(x) = A x + b` and the deformable network's displacement d, `moved(p) = moving(T(p + d(p)))`: the
    affine is applied to the image first. `displacement` is `A (x + d) + b - x`, without interpolation of a field, so
    the moving image is interpolated once, and what leaves its grid under the affine but comes back under d is not cut
    off. `inverse`, where the deformable network gives one, is the exact inverse of the affine followed by it. Both
    networks are trained together, by what the objective says of the composition.

    Beside the deformable network's other outputs there are `affine`, and `deformation`, which is d. Regularizers with
    `on: displacement` look at the composition, with `on: deformation` or `on: velocity` at the deformable part alone.
    Fields by `levels` are composed likewise; `features` are those of the image after the affine.

    Args:
        affine: What predicts the affine; `null`: the identity, so that the network is the deformable one and
            objective and outputs stay as they are.
        deformable: Any registration network without an affine of its own.

    Reference: Liu et al. 2022, section 4.1 and table 8, doi:10.1109/TPAMI.2021.3115825.
    """

    def __init__(self, *, affine: Network | None = "affine", deformable: Network) -> None:
        super().__init__()
        self.affine = Affine() if affine == "affine" else affine  # the default, as a configuration would say it
        self.deformable = deformable

    @property
    def stride(self) -> int:
        return math.lcm(self.deformable.stride, 1 if self.affine is None else self.affine.stride)

    @property
    def conditioned(self) -> bool:
        return any(part.conditioned for part in self._parts)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(need for part in self._parts for need in part.needs))

    @property
    def stitcher(self) -> Any:
        return getattr(self.deformable, "stitcher", None)

    @property
    def _parts(self) -> list[Network]:
        return [self.deformable] if self.affine is None else [self.affine, self.deformable]

    def build(self, inputs_shape):
        for part in self._parts:
            if not part.built:  # a saved file brings its parts built
                part.build(inputs_shape)

    def call(self, inputs, training=None):
        matrix, aligned = self._aligned(inputs, training)
        outputs = self.deformable(aligned, training=training)
        if "affine" in outputs:
            raise ConfigError("`deformable` has an affine part of its own. Name the network that is in it.")
        return {**outputs, **self._composed(outputs, matrix)}

    def encode(self, inputs, training=None):
        return self.deformable.encode(self._aligned(inputs, training)[1], training=training)

    def extractor(self, role):
        return self.deformable.extractor(role)

    def _aligned(self, inputs, training):
        """The affine, and the inputs with the moving image where it puts it."""
        shape = ops.shape(inputs["fixed"])[1:-1]
        if self.affine is None:
            rank = len(shape)
            return ops.eye(rank, rank + 1)[None], inputs
        outputs = self.affine(inputs, training=training)
        if "affine" not in outputs:
            raise ConfigError("`affine` must be a network that gives the matrix of an affine, as `affine` does.")
        displacement = affine_to_displacement(outputs["affine"], shape)
        return outputs["affine"], {**inputs, "moving": warp(inputs["moving"], displacement, image_gradient=False)}

    def _composed(self, outputs, matrix):
        """What changes when the affine comes before, by name."""
        deformation = outputs["displacement"]
        batch, shape = ops.shape(deformation)[0], ops.shape(deformation)[1:-1]
        matrix = ops.broadcast_to(matrix, (batch, *matrix.shape[1:]))  # one pair at several lambdas has one affine
        composed = {
            "affine": matrix,
            "deformation": deformation,
            "displacement": compose_affine(matrix, deformation),
        }
        if "inverse" in outputs:
            composed["inverse"] = compose(outputs["inverse"], affine_to_displacement(invert_affine(matrix), shape))
        if "levels" in outputs:
            composed["levels"] = {
                name: self._composed_level(fields, matrix, shape) for name, fields in outputs["levels"].items()
            }
        return composed

    @staticmethod
    def _composed_level(fields, matrix, shape):
        """A level's fields with its displacement after the affine, in the voxels of the level."""
        field = fields["displacement"]
        matrix = resize_affine(matrix, shape, ops.shape(field)[1:-1])
        return {**fields, "deformation": field, "displacement": compose_affine(matrix, field)}
