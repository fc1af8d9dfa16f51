"""Huber difference."""

from __future__ import annotations

from typing import Annotated

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity


class Huber(Similarity):
    """Mean Huber difference: quadratic below `delta`, linear above.

    Args:
        delta: Where it turns from quadratic to linear, in units of intensity.
    """

    def __init__(self, *, delta: Annotated[float, Field(gt=0)] = 0.1) -> None:
        super().__init__()
        self.delta = delta

    def call(self, fixed, moved, mask=None):
        size = ops.abs(fixed - moved)
        huber = ops.where(size < self.delta, 0.5 * ops.square(size), self.delta * (size - 0.5 * self.delta))
        weight = ops.ones_like(huber) if mask is None else mask * ops.ones_like(huber)
        axes = tuple(range(1, len(fixed.shape)))
        return ops.sum(weight * huber, axis=axes) / (ops.sum(weight, axis=axes) + 1e-7)
