"""The Keras model that is trained: a network, an objective and the strategy that brings them together."""

from __future__ import annotations

import warnings
from typing import Any

import keras
from keras import ops

from tfregkit.backend.loop import loop_base, loss_share
from tfregkit.errors import TfregkitError
from tfregkit.models.base import Network
from tfregkit.objective.objective import Objective
from tfregkit.training.latest import Latest
from tfregkit.training.strategy import Strategy

_Loop = loop_base()


class Trainer(_Loop, keras.Model):
    """`fit` on this model is a stage: `call` gives the strategy's terms, `compute_loss` the number to descend.

    The loss is the mean of `total` over the batch plus the layers' own penalties (`Layer.losses`).

    Args:
        network: The registration network.
        objective: Its terms.
        strategy: What a step computes.
    """

    def __init__(self, *, network: Network, objective: Objective, strategy: Strategy) -> None:
        super().__init__(name="trainer", dtype="float32")
        self.network = network
        self.objective = objective
        self.strategy = strategy
        self.step_metrics = [Latest(name) for name in ("loss", *objective.columns)]

    def call(self, batch: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        """Terms by name, each `(B,)`, their `total`, and what terms watch."""
        return self.strategy(batch, network=self.network, objective=self.objective, training=training)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The latest step's loss and terms; Keras' own running mean of the loss is not among them."""
        return list(self.step_metrics)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """This replica's share of the loss. `y_pred` are the terms."""
        loss = self.mean_loss(y_pred)
        for metric in self.step_metrics:
            metric.update_state(loss if metric.name == "loss" else y_pred[metric.name])
        return loss_share(loss)

    def mean_loss(self, terms: dict[str, Any]) -> Any:
        """The number to descend: the mean of `total` over this replica's items plus the layers' own penalties."""
        loss = ops.mean(terms["total"])
        for penalty in self.losses:
            loss = loss + ops.cast(penalty, "float32")
        return loss

    def build_from(self, batch: dict[str, Any]) -> None:
        """Create all weights, symbolically: nothing is computed at the size of the batch.

        Raises:
            TfregkitError: What a part found wrong, out of the wrapping that Keras puts around it.
        """
        inputs = {name: keras.KerasTensor(value.shape, str(value.dtype)) for name, value in batch.items()}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # Keras comments at length on an error that is raised anyway
                self(inputs)
        except Exception as error:
            raise _cause(error) from error


def _cause(error: BaseException) -> BaseException:
    """The user's error that led to this one, if there is any.

    Keras raises copies of an error, of its class, with pages of text around the message and without a cause: the one
    that counts is the innermost, or the first that has a cause, for there our own code has put it into words.
    """
    found, inner = error, error
    while inner is not None:
        if isinstance(inner, TfregkitError):
            found = inner
            if inner.__cause__ is not None:
                break
        inner = inner.__cause__ or inner.__context__
    return found
