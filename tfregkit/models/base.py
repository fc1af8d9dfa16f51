"""Contracts of the trainable parts: encoder, decoder, stitcher and the registration network made of them."""

from __future__ import annotations

from typing import Any

import keras

from tfregkit.component import Component
from tfregkit.errors import ConfigError
from tfregkit.layers.float32_layer import Float32Layer

Pyramid = dict[str, Any]
"""Feature maps by level: `"P0"` at full resolution, `"Pn"` 2^n times coarser (keras-hub's convention)."""


class Encoder(Component, keras.layers.Layer):
    """Images to a pyramid of features, 2-D or 3-D (the rank is read from the input in `build`).

    A subclass implements `call(self, inputs, embedding=None, training=None) -> Pyramid` with `inputs`
    `(B, X, Y[, Z], C)` and `embedding` `None` or `(B, E)`, which FiLM layers turn into a scale and a shift per channel.
    `stride` is what every spatial size must be divisible by.
    """

    @property
    def stride(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define `stride`")


class Decoder(Component, keras.layers.Layer):
    """A pyramid to one feature map, at full resolution or coarser.

    A subclass implements `call(self, pyramid, embedding=None, training=None)`, which returns `(B, x, y[, z], C)`.
    `doublings` is how often the coarsest level is doubled on the way; None: up to full resolution.
    """

    doublings: int | None = None


class Stitcher(Component, Float32Layer):
    """A field put together from the fields of blocks, to one without seams at their borders; 3-D.

    A subclass implements `call(self, field, count, training=None)` with `field` `(B, X, Y, Z, 3)` made of `count^3`
    equal blocks (`tfregkit.ops.blocks.merge_blocks`), and returns the same shape; it is called as
    `stitcher(field, count=2)`. It computes in float32 under any policy, and before it has learnt anything it returns
    the field as it is.
    """

    def multiple(self, count: int) -> int:
        """What every spatial size must be divisible by for `count` blocks along each axis."""
        return count


class Network(Component, keras.Model):
    """What a stage trains: a registration network, or one that another stage needs. No fixed input shape.

    `call(self, inputs, training=None) -> dict` of a registration network takes a dict with

    - `moving`, `fixed`: `(B, X, Y[, Z], C)` on one grid, sizes divisible by `stride`,
    - `lam` (only if `conditioned`): `(B, 1)` in [0, 1],
    - what else it `needs` of a training batch: `noise` `(B, 4096)`, uniform in [0, 1), for networks that draw. They
      draw where they are given it, with their standard deviations times `noise_scale` `(B, 1)` where that is there too
      (`ops.normal_noise.drawn`), and take the mean where they are not,

    and returns a dict of fields on that same full-resolution grid, in its voxels,

    - `displacement` `(B, X, Y[, Z], N)`: `moved(p) = moving(p + displacement(p))`, `p` on the fixed grid,
    - `inverse` (where the network can): the displacement that pulls the fixed image onto the moving one. Beside a
      `velocity` it is the inverse of the displacement; else it is a prediction of its own, which nothing but training
      makes an inverse,
    - `velocity` (for SVF networks): the stationary velocity at the resolution at which it is integrated. A network that
      gives it integrates it, and then gives `inverse` too at inference; where there is no integration the velocity is
      the displacement, perhaps coarser, regularizers with `on: velocity` look at it, and there is never an `inverse`,
    - `posterior` (of probabilistic networks): `(B, x, y[, z], 2 M)`, the means of the M numbers per voxel that are
      predicted, then their log variances, where they are predicted, perhaps on a coarser grid. Without `noise` the
      fields are made of the means,
    - `affine` (of networks with an affine part): `(B, N, N + 1)`, `[A | b]` that maps a voxel of the fixed image, about
      the centre of the grid, to one of the moving image about that centre. `displacement` and `inverse` have it in
      them, and beside it is
    - `deformation`: the displacement without the affine, which is applied to the image first (`ops.compose_affine`). A
      `velocity` and a `posterior` are those of the deformation. A network that gives none is nothing but affine, and
      its `inverse` is exact,
    - `features` (optional): maps of the whole images by role and pyramid level, for terms that look at them:
      `{"moving": {"P0": (B, X, Y[, Z], C), ...}, "fixed": {...}}`,
    - `levels` (of networks that go from coarse to fine): fields by pyramid level and name, in voxels of their level,
      `{"P1": {"displacement": (B, x, y[, z], N), ...}, "P2": {...}}`; there is a `displacement` at each, and perhaps a
      `velocity` and an `update`. Terms look at them by `views: [P2]` and `on: velocity.P2`,
    - `latent` (of networks that draw features): by level, as a `posterior`; terms look at it by `on: latent.P2`.

    The network does not warp images: the strategy does, for it knows which of them the objective looks at. One that
    works on blocks keeps the `Stitcher` that mends their seams as `stitcher`; it can also mend those of tiles then.

    A network that segments takes `fixed` alone, the image to segment, and returns `logits` `(B, X, Y[, Z], K)` of K
    classes, the background first, then its `structures` in their order.

    Other networks take what they need of the same dict and give what their strategy looks for.

    `gives` names what is always among the outputs of its kind of network; a strategy that needs another kind says so
    before anything is trained.
    """

    gives: tuple[str, ...] = ("displacement",)
    needs: tuple[str, ...] = ()

    @property
    def stride(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define `stride`")

    @property
    def conditioned(self) -> bool:
        """Whether the network takes `lam`."""
        return False

    @property
    def structures(self) -> dict[str, tuple[int, ...]] | None:
        """Of a network that segments: the label values of each structure, by name; None of all others."""
        return None

    def encode(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        """The `features` that `call` gives of these inputs. A network with an encoder overrides it and runs no more.

        Raises:
            ConfigError: When this network gives none.
        """
        outputs = self(inputs, training=training)
        if "features" not in outputs:
            raise ConfigError(f"network `{type(self).__name__}` gives no features for a term to look at.")
        return outputs["features"]

    def extractor(self, role: str) -> keras.layers.Layer:
        """What gives features of an image of that role (`moving` or `fixed`) to components of later stages.

        The layer takes `(B, X, Y[, Z], C)` and returns feature maps by name, each `(B, x, y[, z], c)`.

        Raises:
            ConfigError: When this network has none.
        """
        raise ConfigError(f"network `{type(self).__name__}` gives no features to later stages.")
