"""The metric behind every logged number."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Latest(keras.metrics.Metric):
    """The mean over the latest batch; unlike `keras.metrics.Mean` it forgets the steps before."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self.value = self.add_variable(shape=(), initializer="zeros", aggregation="mean", name="value")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        self.value.assign(ops.mean(ops.cast(values, "float32")))

    def result(self) -> Any:
        return ops.convert_to_tensor(self.value)
