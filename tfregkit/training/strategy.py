"""Contract of the training strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from tfregkit.component import Component

if TYPE_CHECKING:
    from tfregkit.models.base import Network
    from tfregkit.objective.earlier import Earlier
    from tfregkit.objective.objective import Objective
    from tfregkit.training.trainer import Trainer


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

    `takes` names what it looks for among the network's outputs, all of which the network must give (`Network.gives`).

    `needs` names what batches have for this strategy: `labels`, that is `moving_labels`, `fixed_labels`
    `(B, X, Y[, Z], 1)` int32, the scans' own numbers on the grid, cropped and augmented with the image.

    `views` in `needs` gives them `fixed_view`, `fixed_second_view`, `moving_view` `(B, X, Y[, Z], 1)` float32: the
    images through `data.distortions`, each view on its own; they differ in intensity alone, voxel for voxel. The two
    images of an item then need not correspond: they may come from grids of their own (`grid.mode: own`), and labels of
    scans that have none are -1 everywhere. What else it wants of an item it draws itself: `item`.

    `roles` names the scans of a pair it looks at. With `("fixed",)` batches have no moving images, and the data set's
    scans come one by one, each once an epoch, in pairs or not.

    `holds_out` says that some steps also look at validation pairs: see `held_out` and `before_update`;
    `held_out_needs` names what their batches have beside what `needs` names.
    """

    gives: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    holds_out = False
    held_out_needs: tuple[str, ...] = ()
    roles: tuple[Literal["moving", "fixed"], ...] = ("moving", "fixed")

    def __init__(self) -> None:
        super().__init__(dtype="float32")

    def connect(self, objective: Objective, earlier: Earlier | None = None) -> None:
        """Look at the objective before anything has weights; `objective.learn` makes a number of it a variable.

        Args:
            objective: Of the stage.
            earlier: The stages before this one, if there are any.

        Raises:
            ConfigError: When the two do not go together.
        """

    def check_network(self, network: Network) -> None:
        """Look at the network before it has weights, after `connect`.

        Raises:
            ConfigError: When it is set in a way that this strategy cannot train. That it gives what is in `takes` is
                known already.
        """

    def item(self, arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Further arrays of one item, made on the loader's threads (NumPy and SciPy alone), off the training thread.

        A pure function of its arguments, so that a resumed run goes on exactly. Called for every item to train on and
        for every pair to validate with, for which `rng` is the same each time.

        Args:
            arrays: The item's volumes `(X, Y, Z)` by their keys in the batch, read-only.
            rng: Where all randomness comes from.

        Returns:
            Arrays by key, of the same shapes for every item; they come in the batch under these keys, stacked along a
            new first axis, with their own types. By default none.
        """
        return {}

    def held_out(self, step: int) -> int | None:
        """The number of the batch of validation pairs that step number `step` (from 0) also gets; None: it gets none.

        A pure function of the step, so that a resumed run goes on exactly. Only strategies that set `holds_out` are
        asked.
        """

    def before_update(self, trainer: Trainer, batch: dict[str, Any], held_out: dict[str, Any]) -> None:
        """What comes before the ordinary step of those steps, within the compiled step, on every replica.

        It may assign to the strategy's variables and to those of `objective.learned`, never to the network's. What it
        assigns must be the same on all replicas (`tfregkit.ops.all_replicas.replica_mean`).

        Args:
            trainer: `network`, `objective`, `optimizer` and `trainable_variables` of the stage; called as
                `trainer(batch, training=True)` it gives what `call` does, of which `trainer.mean_loss` is the number
                the ordinary step descends.
            batch: This replica's share of the training batch.
            held_out: Likewise of validation pairs: whole or cropped as in training, without augmentation and `noise`.
        """

    def caution(self) -> str | None:
        """What should be said before training with this strategy as it is set, or None."""
