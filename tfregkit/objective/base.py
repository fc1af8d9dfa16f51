"""Contracts of the terms of an objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import keras
from pydantic import Field

from tfregkit.component import Component

if TYPE_CHECKING:
    from tfregkit.objective.earlier import Earlier


WholeField = Literal["velocity", "displacement", "inverse", "deformation"]
"""The outputs of a network that are fields of whole images."""

LevelField = Annotated[str, Field(pattern=r"^(displacement|velocity|update|deformation)\.P\d$")]
"""A field of one level, where a network gives them: `velocity.P2`, of `levels` the level `P2`."""

FieldName = WholeField | LevelField
"""The outputs of a network that are fields, as regularizers name them."""

LatentName = Annotated[str, Field(pattern=r"^latent\.P\d$")]
"""A level of a network's `latent`: `latent.P2`."""


class Similarity(Component, keras.layers.Layer):
    """How unlike two images are. Lower is better; one value per batch item; statistics in float32 under any policy.

    A subclass has a keyword-only, annotated constructor that calls `super().__init__()`, creates its weights (if any)
    in `build`, and implements:

    `call(self, fixed, moved, mask=None) -> (B,)`
        fixed, moved: `(B, X, Y[, Z], C)` float32 images on one grid.
        mask: `None` or `(B, X, Y[, Z], 1)` in [0, 1]; averages are weighted by it. An empty mask gives a finite value.

    `needs` names what else of a `View` it takes, as keywords: `roles`, `noise`, `others`, `features`, `subjects`,
    `target`, `logits`, `samples`.

    `default_views` names the views it looks at where the configuration does not say: None for all. One view is enough
    for a term that is the same in both directions.

    `watches` names numbers that are logged beside the value and descended by nobody; where there are any, `call`
    returns `(values (B,), {name: number})`, with scalars or tensors whose mean is logged.
    """

    needs: tuple[str, ...] = ()
    default_views: tuple[str, ...] | None = None
    watches: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__(dtype="float32")
        self.supports_masking = True  # `mask` is ours; without this Keras warns about a mask of its own kind

    def connect(self, earlier: Earlier) -> None:
        """Take what the constructor's arguments name of earlier stages (`StageName`). Called once, before `build`."""

    def check_batch(self, items: int, replicas: int) -> None:
        """Look at whether the term can do its work in batches of so many items, spread over so many replicas.

        Raises:
            ConfigError: When it cannot.
        """


class Regularizer(Component, keras.layers.Layer):
    """How implausible a field is. Lower is better; one value per batch item; float32 under any policy.

    A subclass implements `call(self, field) -> (B,)` with `field` of shape `(B, X, Y[, Z], N)` in voxels, or of the
    `posterior` `(B, X, Y[, Z], 2 M)`, or of the `affine` `(B, N, N + 1)`. `watches` is as for a `Similarity`.

    Args:
        on: Which output of the network the term looks at.
    """

    watches: tuple[str, ...] = ()

    def __init__(self, *, on: FieldName | LatentName | Literal["posterior", "affine"] = "displacement") -> None:
        super().__init__(dtype="float32")
        self.on = on
