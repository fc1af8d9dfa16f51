"""A slow copy of a layer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfregkit.backend.gradient_order import gradient_after


class MovingAverage(keras.layers.Layer):
    """Exponential moving averages of another layer's variables, and that layer seen with them.

    `a <- decay a + (1 - decay) v`, computed as `a + (1 - decay) (v - a)`, so that the average of equal values is exact.
    The averages are float32 under any policy, equal on all replicas, saved with the layer they are in, never trained.

    The other layer is an argument of every method and not kept, so that its variables stay its own.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.averages: list[Any] = []

    def update(self, layer: keras.layers.Layer, decay: Any, outputs: Any) -> Any:
        """One step towards the layer's variables as they are now, before a gradient of `outputs` changes them.

        Args:
            layer: A built layer, the same in every call. Its numbers of floating point are averaged.
            decay: How much of the averages stays, a scalar. The first one should be 0: the averages begin as zeros.
            outputs: What the layer has just given, tensors, nested.

        Returns:
            The outputs, to go on with.
        """
        self._create(layer)
        for average, variable in zip(self.averages, _floats(layer), strict=True):
            change = ops.stop_gradient(ops.convert_to_tensor(variable)) - average
            average.assign(average + (1.0 - decay) * change)
        return gradient_after(outputs, self.averages)

    def of(self, layer: keras.layers.Layer) -> keras.StatelessScope:
        """Within `with average.of(layer):` the layer computes with the averages, and what it changes is forgotten."""
        self._create(layer)
        slow = zip(_floats(layer), self.averages, strict=True)
        return keras.StatelessScope([*((variable, variable.value) for variable in layer.variables), *slow])

    def _create(self, layer: keras.layers.Layer) -> None:
        if self.built:
            return
        self.averages = [
            self.add_weight(
                shape=variable.shape,
                initializer="zeros",
                trainable=False,
                aggregation="only_first_replica",
                name=variable.path.replace("/", "_"),
            )
            for variable in _floats(layer)
        ]
        self.built = True


def _floats(layer: keras.layers.Layer) -> list[Any]:
    """The variables that can be averaged: the states of random generators, for one, cannot."""
    return [variable for variable in layer.variables if "float" in variable.dtype]
