"""The heads that bring features of two modalities into one space."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfregkit.ops.unit import unit

Arrays = tuple[np.ndarray, np.ndarray]


class ProjectionHeads(keras.layers.Layer):
    """A small ReLU MLP per role and feature map.

    Call arguments: `rows` `(B, n, C)`, `role`, `name` of the feature map. Returns `(B, n, width)`.

    Args:
        depth: Layers of each MLP; all but the last have a ReLU.
        width: Units of each layer.
        shared: Whether the roles share one MLP per feature map.
        unit: Whether results have length 1.
    """

    def __init__(self, *, depth: int, width: int, shared: bool = False, unit: bool = True, **kwargs) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.depth, self.width, self.shared, self.unit = depth, width, shared, unit
        self.heads: dict[str, list[keras.layers.Dense]] = {}

    def create(self, channels: dict[str, int], given: dict[str, list[Arrays]] | None = None) -> None:
        """Make the heads.

        Args:
            channels: Of each feature map, by name.
            given: The `values()` of heads of the same shape, to begin with.
        """
        for role in ("both",) if self.shared else ("moving", "fixed"):
            for name, size in channels.items():
                key = f"{role}_{name}"
                layers = [
                    keras.layers.Dense(self.width, activation="relu" if i < self.depth - 1 else None, dtype="float32")
                    for i in range(self.depth)
                ]
                self.heads[key] = layers
                for i, layer in enumerate(layers):
                    if given is not None:
                        layer.kernel_initializer, layer.bias_initializer = map(_constant, given[key][i])
                    layer.build((None, None, size if i == 0 else self.width))
        self.built = True

    def values(self) -> dict[str, list[Arrays]]:
        """Kernel and bias of every layer, by head."""
        return {
            key: [(ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(layer.bias)) for layer in layers]
            for key, layers in self.heads.items()
        }

    def call(self, rows, role, name):
        for layer in self.heads[f"{'both' if self.shared else role}_{name}"]:
            rows = layer(rows)
        return unit(rows) if self.unit else rows


def _constant(values):
    """An initializer that gives these values."""
    return lambda shape, dtype=None: ops.convert_to_tensor(values, dtype=dtype)
