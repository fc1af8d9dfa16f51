"""Numbers that are descended and stay positive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

EPSILON = 1e-12
"""Added to Adam's denominator. Hypergradients are as small as a learning rate times the square of a gradient."""
FARTHEST = 60.0
"""Largest |theta|: beyond 1e-26 and 1e26 float32 would come to 0 and to infinity."""


class PositiveNumbers(keras.layers.Layer):
    """`v = exp(theta)` or `softplus(theta)`, with Adam on theta.

    With `exp` a step changes v by a share of it, whatever its size; with `softplus` a large v by an amount, a small one
    by a share. Keras' Adam is not used because it adds up gradients over devices, which here are equal already, and
    keeps its state outside of layers, where no checkpoint of a strategy would find it.

    Args:
        initial: The first values of v.
        mapping: From theta to v.
        learning_rate: Of Adam.
        beta_1: Of Adam.
        beta_2: Of Adam.

    Reference: Kingma and Ba 2015 (Adam), algorithm 1, arXiv:1412.6980.
    """

    def __init__(
        self,
        initial: Sequence[float],
        *,
        mapping: Literal["exp", "softplus"],
        learning_rate: float,
        beta_1: float,
        beta_2: float,
    ) -> None:
        super().__init__(dtype="float32", trainable=False)
        self.mapping, self.rate, self.betas = mapping, learning_rate, (beta_1, beta_2)
        start = [math.log(v) if mapping == "exp" else v + math.log(-math.expm1(-v)) for v in initial]
        self.theta = self._state("theta", start)
        self.moments = [self._state(name, [0.0] * len(start)) for name in ("first", "second")]
        self.updates = self._state("updates", 0.0)
        self.built = True

    def _state(self, name: str, values: Any) -> keras.Variable:
        shape = (len(values),) if isinstance(values, list) else ()
        variable = self.add_weight(
            shape=shape, initializer="zeros", trainable=False, aggregation="only_first_replica", name=name
        )
        variable.assign(values)
        return variable

    def values(self) -> Any:
        """v, `(K,)`."""
        theta = ops.stop_gradient(self.theta)
        return ops.exp(theta) if self.mapping == "exp" else ops.softplus(theta)

    def descend(self, gradient: Any, skip_non_finite: bool = False) -> Any:
        """One step.

        Args:
            gradient: With respect to v, `(K,)`.
            skip_non_finite: Change nothing where the gradient is not finite, as float16 makes it now and then.

        Returns:
            The new v.
        """
        theta = ops.stop_gradient(self.theta)
        gradient = gradient * (ops.exp(theta) if self.mapping == "exp" else ops.sigmoid(theta))
        good = ops.all(ops.isfinite(gradient)) if skip_non_finite else True
        step = ops.stop_gradient(self.updates) + 1.0
        averages = []
        for moment, beta, value in zip(self.moments, self.betas, (gradient, ops.square(gradient)), strict=True):
            before = ops.stop_gradient(moment)
            average = beta * before + (1.0 - beta) * value
            averages.append(average / (1.0 - ops.power(beta, step)))
            moment.assign(ops.where(good, average, before))
        first, second = averages
        moved = ops.clip(theta - self.rate * first / (ops.sqrt(second) + EPSILON), -FARTHEST, FARTHEST)
        self.theta.assign(ops.where(good, moved, theta))
        self.updates.assign(ops.where(good, step, step - 1.0))
        return self.values()
