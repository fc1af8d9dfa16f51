"""Learning from image pairs beside a slow copy of the network."""

from __future__ import annotations

import math
from typing import Annotated, Any

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import Target
from tfregkit.layers.moving_average import MovingAverage
from tfregkit_plugins.strategies.unsupervised import Unsupervised


class Momentum(Unsupervised):
    """`unsupervised`, with a slow copy of the network whose features a term can learn to predict, as `byol` does.

    The copy's weights are moving averages of the network's, `xi <- decay xi + (1 - decay) theta`, once per step. They
    move at the beginning of a step, towards the weights that the step before has left, which is the same as at its end:
    the first step sets `xi = theta`, and a run that is resumed goes on exactly. Only the features of the copy are
    computed (`Network.encode`), without a gradient, and only if a term looks at them. With gradient accumulation the
    averages move with every batch.

    Reference: Grill et al. 2020 (BYOL), sections 3.1 and 3.2, arXiv:2006.07733.

    Args:
        symmetric: Look at both directions; the network must give an `inverse`.
        decay: How much of the copy stays in a step.
        cosine_steps: Steps over which the decay goes to 1 along half a cosine, as in BYOL (all of the trainer's);
            `null`: it stays as it is.
    """

    gives = ("target",)

    def __init__(
        self,
        *,
        symmetric: bool = False,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.99,
        cosine_steps: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        super().__init__(symmetric=symmetric)
        self.decay = decay
        self.cosine_steps = cosine_steps
        self.average = MovingAverage()

    def build(self, batch_shape):
        self.steps = self.add_weight(
            shape=(), initializer="zeros", trainable=False, aggregation="only_first_replica", name="steps"
        )

    def _seen(
        self, outputs: dict[str, Any], inputs: dict[str, Any], network: Any, objective: Any, training: bool | None
    ) -> tuple[dict[str, Any], Target | None]:
        if "target" not in objective.needs:
            return outputs, None
        decay = None
        if training:
            decay = self._decay(ops.convert_to_tensor(self.steps))
            outputs = self.average.update(network, decay, outputs)
            self.steps.assign(self.steps + 1.0)
        with self.average.of(network):
            features = network.encode(inputs, training=training)
        return outputs, Target(keras.tree.map_structure(ops.stop_gradient, features), decay)

    def _decay(self, step: Any) -> Any:
        """That of step number `step`, from 0."""
        decay = self.decay
        if self.cosine_steps is not None:
            done = ops.minimum(step / self.cosine_steps, 1.0)
            decay = 1.0 - (1.0 - decay) * (ops.cos(math.pi * done) + 1.0) / 2.0
        return ops.where(step > 0, decay, 0.0)
