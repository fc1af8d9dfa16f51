"""Contract of the training strategies."""

from __future__ import annotations

from typing import Literal

import keras

from tfregkit.component import Component


class Strategy(Component, keras.layers.Layer):
    """What one training step computes from a batch. It owns no optimiser and no loop: Keras `fit` does.

    A subclass implements

    `call(self, batch, network, objective, training=None) -> dict[str, (B,)]` (called with keywords)
        batch: dict with `moving`, `fixed` `(B, X, Y[, Z], 1)` and, where the data has them, `moving_mask`,
        `fixed_mask`, `lam`; what the strategy itself `needs`; and what terms need: `noise`, `moving_others`,
        `fixed_others`, `moving_subject`, `fixed_subject`; `View.given` picks these for a view.
        network: a `Network`; objective: an `Objective` (terms by name and their weighted total).
        Returns what the objective returns: the terms by name, each `(B,)` float32, the one to descend under `"total"`,
        and the numbers that terms watch.

    `gives` names what its views have that others' have not and a term may need: `target`.

    `needs` names what batches have for this strategy: `labels`, that is `moving_labels`, `fixed_labels`
    `(B, X, Y[, Z], 1)` int32, the scans' own numbers on the grid, cropped and augmented with the image.

    `roles` names the scans of a pair it looks at. With `("fixed",)` batches have no moving images, and the data set's
    scans come one by one, each once an epoch, in pairs or not.
    """

    gives: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    roles: tuple[Literal["moving", "fixed"], ...] = ("moving", "fixed")

    def __init__(self) -> None:
        super().__init__(dtype="float32")
