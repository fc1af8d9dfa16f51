"""Gradient descent on a few numbers, or a field of them, for one pair of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

Report = Callable[[int, int, float], None]
"""Called after every step with its number (from 1), the number of steps and the loss."""


class Fit(keras.Model):
    """The array `w` that minimises `loss(w)`, by Adam with a cosine-decayed rate, on any Keras backend.

    Args:
        initial: The array to start from.
        loss: A differentiable scalar of a tensor of that shape, and of `(1, 4096)` uniform numbers that are drawn anew
            for every step, for similarities that look at a sample.
        learning_rate: The first step's size, in units of `w`.
        steps: How many steps; the rate has fallen to zero by then.
    """

    def __init__(
        self, initial: np.ndarray, loss: Callable[[Any, Any], Any], *, learning_rate: float, steps: int, **options: Any
    ) -> None:
        super().__init__(dtype="float32", **options)
        self.loss_of = loss
        self.steps = steps
        self.array = self.add_weight(shape=initial.shape, dtype="float32", name="array")
        self.array.assign(initial)
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, max(steps, 1))
        # XLA compiles for longer than a fit lasts, and is slow on a CPU.
        self.compile(optimizer=keras.optimizers.Adam(rate), jit_compile=False)

    def call(self, noise: Any) -> Any:
        """The loss `(1,)`."""
        return ops.reshape(self.loss_of(ops.convert_to_tensor(self.array), noise), (1,))

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, *weights: Any, **others: Any) -> Any:
        return ops.mean(y_pred)

    def run(self, report: Report | None = None) -> tuple[np.ndarray, list[float]]:
        """Descend. Returns the array of the lowest loss seen, and the loss before each step."""
        best, best_loss, losses = ops.convert_to_numpy(self.array), np.inf, []
        for step in range(1, self.steps + 1):
            here = ops.convert_to_numpy(self.array).copy()
            noise = np.random.default_rng(step).random((1, 4096), dtype=np.float32)
            losses.append(float(self.train_on_batch(noise)))
            if losses[-1] < best_loss:
                best, best_loss = here, losses[-1]
            if report is not None:
                report(step, self.steps, losses[-1])
        return best, losses
