"""Contract of the training strategies."""

from __future__ import annotations

import keras

from tfregkit.component import Component


class Strategy(Component, keras.layers.Layer):
    """What one training step computes from a batch. It owns no optimiser and no loop: Keras `fit` does.

    A subclass implements

    `call(self, batch, network, objective, training=None) -> dict[str, (B,)]` (called with keywords)
        batch: dict with `moving`, `fixed` `(B, X, Y[, Z], 1)` and, where the data has them, `moving_labels`,
        `fixed_labels`, `moving_mask`, `fixed_mask`, `lam`, and what terms need: `noise`, `moving_others`,
        `fixed_others`, `moving_subject`, `fixed_subject`; `View.given` picks these for a view.
        network: a `Network`; objective: an `Objective` (terms by name and their weighted total).
        Returns what the objective returns: the terms by name, each `(B,)` float32, the one to descend under `"total"`,
        and the numbers that terms watch.

    `gives` names what its views have that others' have not and a term may need: `target`.
    """

    gives: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__(dtype="float32")
