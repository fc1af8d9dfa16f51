"""The propagative network: a field carried from coarse to fine through a pyramid of features."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Network
from tfregkit.layers import VecInt
from tfregkit.ops import compose, resize_field, resize_image
from tfregkit.ops.blocks import check_divisible
from tfregkit.ops.shapes import spatial_shape
from tfregkit_plugins.networks.propagative_features import ROLES, FeaturePyramid, image_pyramid
from tfregkit_plugins.networks.propagative_matching import Matching
from tfregkit_plugins.networks.propagative_regularization import ContextRegularization

Filters = Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)]
MaybeNone = list[Annotated[int, Field(gt=0)]]


class Propagative(Network):
    """Matching, regularisation and constraint at each level of a pyramid, from coarse to half resolution.

    At each level, with `f_s`, `f_t` the features of moving and fixed image and `phi` the deformation of the level
    below, on this grid (the identity at the coarsest),

    `e = ||f_t - f_s o phi||_1`, `u = M(e, f_t, phi, x) + phi`, `v = u + R(u)`, `phi = exp(v)`

    where x are maps of the level below. The last stage is the resizing to full resolution. 526,444 weights with three
    stages in 3-D.

    `u + phi` takes a displacement for a velocity, which is then integrated again (`propagation: literal`, as
    published). With `compose` u is the change alone, `phi <- phi o exp(v)`; no velocity belongs to the whole then.

    Beside the fields of `Network` it gives `levels`, the `update` u, `velocity` v and `displacement` of phi by level
    `P1` (half resolution), `P2`, ..., each in voxels of its level; `features`; and where they are `variational`
    `latent`, by level the means of the moving and of the fixed image's features, then their log variances.

    Args:
        stages: 2, 3 or 4: one is the resizing to full resolution.
        features: `learned`, or `image`: the images themselves, averaged over 2, 4, ... voxels.
        feature_filters: Channels of the features at half resolution, a quarter, ...; as many as the stages need count.
        variational: Predict mean and log variance of the features and draw them in training; for `kl`.
        matching_filters: Channels of the convolutions of M; the last are those of x.
        regularization_filters: Channels of the convolutions of R; none: no R, v is u.
        dilations: Of the convolutions of R.
        steps: Squarings of the integration; 0: no constraint, phi is v.
        propagation: How a coarser level's field goes on.
        bidirectional: Give `inverse` in training too; it is the exact inverse, so there is none with `steps: 0`.
        remat: Recompute the convolutions in the backward pass: less memory, more time.

    Reference: Liu et al. 2022, section 3, doi:10.1109/TPAMI.2021.3115825; layers as in the authors' code.
    """

    def __init__(
        self,
        *,
        stages: Annotated[int, Field(ge=2, le=4)] = 3,
        features: Literal["learned", "image"] = "learned",
        feature_filters: Filters = (16, 32, 32),
        variational: bool = False,
        matching_filters: Filters = (48, 32, 16),
        regularization_filters: MaybeNone = (48, 48, 32),
        dilations: MaybeNone = (1, 2, 4),
        steps: Annotated[int, Field(ge=0)] = 7,
        propagation: Literal["literal", "compose"] = "literal",
        bidirectional: bool = False,
        remat: bool = False,
    ) -> None:
        super().__init__()
        levels = stages - 1
        if features == "learned" and len(feature_filters) < levels:
            raise ValueError(
                f"`feature_filters` must have at least {levels} for {stages} stages. Received: {list(feature_filters)}"
            )
        if features == "image" and variational:
            raise ValueError("`variational` goes with `features: learned`; an image is not drawn")
        if regularization_filters and len(dilations) != len(regularization_filters):
            raise ValueError(
                "`dilations` must have one for each of `regularization_filters`. "
                f"Received: {list(dilations)} and {list(regularization_filters)}"
            )
        if bidirectional and steps == 0:
            raise ValueError("`bidirectional` needs an integrated velocity: set `steps` above 0. Received: steps=0")
        self.stages = stages
        self.features = features
        self.feature_filters = list(feature_filters)
        self.variational = variational
        self.matching_filters = list(matching_filters)
        self.regularization_filters = list(regularization_filters)
        self.dilations = list(dilations)
        self.steps = steps
        self.propagation = propagation
        self.bidirectional = bidirectional
        self.remat = remat
        if features == "learned":
            self.pyramid = FeaturePyramid(self.feature_filters[:levels], variational, remat)
        self.matching = [Matching(self.matching_filters, remat=remat) for _ in range(levels)]
        self.regularization = [
            ContextRegularization(self.regularization_filters, self.dilations, slope=0.1, remat=remat)
            for _ in range(levels if regularization_filters else 0)
        ]
        self.integrate = VecInt(steps=steps)

    @property
    def stride(self) -> int:
        return 2 ** (self.stages - 1)

    @property
    def needs(self) -> tuple[str, ...]:
        return ("noise",) if self.variational else ()

    def build(self, inputs_shape):
        *grid, channels = inputs_shape["moving"]
        if self.features == "learned":
            self.pyramid.build(inputs_shape)
        rank, context = len(grid) - 1, self.matching_filters[-1]
        anywhere = (None,) * len(grid)
        for number, matching in enumerate(self.matching):
            if self.features == "learned":
                channels = self.feature_filters[self.stages - 2 - number]
            coarser = ((*anywhere, rank), (*anywhere, context)) if number else ()
            matching.build((*anywhere, channels), (*anywhere, channels), *coarser)
        for module in self.regularization:
            module.build((*anywhere, rank))

    def call(self, inputs, training=None):
        shape = ops.shape(inputs["moving"])[1:-1]
        self._check(shape, training)
        features, latent = self._features(inputs)
        levels = self._levels(features)
        outputs = {"displacement": resize_field(levels["P1"]["displacement"], shape)}
        if self.propagation == "literal":
            outputs["velocity"] = levels["P1"]["velocity"]
        if self.steps > 0 and (self.bidirectional or not training):
            outputs["inverse"] = resize_field(self._inverse(levels), shape)
        outputs |= {"levels": levels, "features": features}
        return {**outputs, "latent": latent} if latent else outputs

    def encode(self, inputs, training=None):
        self._check(ops.shape(inputs["moving"])[1:-1], training)
        return self._features(inputs)[0]

    def _features(self, inputs):
        if self.features == "image":
            return image_pyramid(inputs, self.stages - 1), {}
        return self.pyramid({name: inputs[name] for name in (*ROLES, "noise", "noise_scale") if name in inputs})

    def _levels(self, features):
        """The fields of every level, from coarse to fine."""
        levels, displacement, context = {}, None, None
        for number, matching in enumerate(self.matching):
            level = f"P{self.stages - 1 - number}"
            moving, fixed = (features[role][level] for role in ROLES)
            if number:
                shape = spatial_shape(fixed)
                displacement, context = resize_field(displacement, shape), resize_image(context, shape)
            update, context = matching(moving, fixed, displacement, context)
            if number and self.propagation == "literal":
                update = update + displacement
            velocity = self.regularization[number](update) if self.regularization else update
            change = self.integrate(velocity)
            composed = number and self.propagation == "compose"
            displacement = compose(displacement, change) if composed else change
            levels[level] = {"update": update, "velocity": velocity, "displacement": displacement}
        return levels

    def _inverse(self, levels):
        """Of the displacement at half resolution."""
        if self.propagation == "literal":
            return self.integrate(-levels["P1"]["velocity"])
        inverse = None
        for level in sorted(levels, reverse=True):
            back = self.integrate(-levels[level]["velocity"])
            inverse = back if inverse is None else compose(back, resize_field(inverse, spatial_shape(back)))
        return inverse

    def _check(self, shape, training):
        try:
            check_divisible(shape, [self.stride] * len(shape), f"registered in {self.stages} stages")
        except ValueError as error:
            raise ConfigError(f"{error}. Change the grid (`data.grid`), or use fewer stages.") from error
        if training and any(isinstance(size, int) and size < 2 * self.stride for size in shape):
            raise ConfigError(
                f"images of {'x'.join(map(str, shape))} voxels are too small for {self.stages} stages: the coarsest "
                f"needs 2 voxels along each axis to be trained, so images need {2 * self.stride}. Use fewer stages."
            )
