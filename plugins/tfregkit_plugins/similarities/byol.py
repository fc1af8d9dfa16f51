"""Prediction of a slow copy's features: the variant of CLMorph without negatives."""

from __future__ import annotations

from typing import Annotated

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Similarity
from tfregkit.layers.moving_average import MovingAverage
from tfregkit.ops.unit import spread, unit
from tfregkit_plugins.similarities.embedding import ROLES, Embedding


class BYOL(Similarity):
    """An image's features should predict what a slow copy of the network makes of its partner (BYOL).

    `(2 - 2 cos(q(x), y')) + (2 - 2 cos(q(y), x'))`: x and y are the means of the network's feature maps of the moving
    and the fixed image, through a linear layer (the projector), q is an MLP with one hidden ReLU layer, and x', y' are
    x and y of a copy whose weights are moving averages, without a gradient. The strategy `momentum` keeps the copy of
    the network; the projector's is kept here, with the same decay. There are no negatives, so it works with a single
    pair. Like `nt_xent` it looks at features only, and at `forward` alone.

    Args:
        level: The feature map; `null`: the coarsest.
        width: Of x and y; 256 in BYOL, whose features are larger.
        hidden: Units of q's hidden layer; 4096 in BYOL.
        shared: Use one projector for both images.

    Call arguments: `fixed`, `moved`, `mask` are not looked at; `features`, `target` of the `View`. Returns `(B,)`: 0 at
    best, 4 for either direction at worst; watches `spread`, 0 when the features have collapsed, over the batch and the
    last pair of the one before, so that it says something of batches of one pair too.

    Reference: Grill et al. 2020, eq. 2, arXiv:2006.07733; as a variant of CLMorph: Liu et al. 2020, table III,
    arXiv:2011.08894, without details.
    """

    needs = ("features", "target")
    watches = ("spread",)
    default_views = ("forward",)

    def __init__(
        self,
        *,
        level: str | None = None,
        width: Annotated[int, Field(gt=0)] = 64,
        hidden: Annotated[int, Field(gt=0)] = 256,
        shared: bool = False,
    ) -> None:
        super().__init__()
        self.level = level
        self.width = width
        self.hidden = hidden
        self.shared = shared
        self.embedding = Embedding(level=level, width=width, shared=shared, unit=False)
        self.predictor = [
            keras.layers.Dense(hidden, activation="relu", dtype="float32"),
            keras.layers.Dense(width, dtype="float32"),
        ]
        self.average = MovingAverage()

    def build(self, fixed_shape, moved_shape, features_shape=None):
        self.embedding.create("byol", features_shape)
        for layer, size in zip(self.predictor, (self.width, self.hidden), strict=True):
            layer.build((None, 1, size))
        self.latest = self.add_weight(
            shape=(2, 1, self.width),
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="latest",
        )

    def call(self, fixed, moved, mask=None, features=None, target=None):
        if target is None:
            raise ConfigError(
                "similarity `byol` predicts what a slow copy of the network sees, and the strategy shows none in this "
                "view. Set `strategy: momentum`, whose view `forward` has it."
            )
        rows = self.embedding(features)
        if target.decay is not None:
            rows = self.average.update(self.embedding, target.decay, rows)
        with self.average.of(self.embedding):
            aims = self.embedding(target.features)
        losses = [_distance(self._predicted(rows[a]), aims[b]) for a, b in (ROLES, ROLES[::-1])]
        return losses[0] + losses[1], {"spread": self._spread(rows, target.decay)}

    def _predicted(self, rows):
        for layer in self.predictor:
            rows = layer(rows)
        return rows

    def _spread(self, rows, decay):
        now = unit(ops.stop_gradient(ops.stack([rows[role][:, 0] for role in ROLES])))  # (2, B, width)
        everything = ops.concatenate([now, self.latest], axis=1)
        if decay is not None:
            self.latest.assign(now[:, -1:])
        return ops.mean(spread(everything, ops.any(everything != 0, axis=-1)))


def _distance(predictions, aims):
    """`2 - 2 cos` of `(B, 1, width)`, `(B,)`; the aims have no gradient."""
    cosine = ops.sum(unit(predictions) * ops.stop_gradient(unit(aims)), axis=(1, 2))
    return 2.0 - 2.0 * cosine
