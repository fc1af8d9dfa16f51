"""Normal numbers as a pure function of a batch's noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

WORD = 2**24
"""Different values of one number of the noise, which is float32."""


def normal_noise(noise: Any, shape: Sequence[Any]) -> Any:
    """Standard normal numbers, each item's own: its first two numbers of noise seed the backend's generator.

    So a resumed run draws what it would have drawn, and an item draws the same on whichever replica it is. Another
    backend, or XLA, draws others.

    Args:
        noise: `(B, K)` uniform in [0, 1), K at least 2; B must be known.
        shape: What each item gets.

    Returns:
        `(B, *shape)` float32.
    """
    words = ops.cast(noise[:, :2] * WORD, "uint32")
    items = [keras.random.normal(shape, dtype="float32", seed=_Given(words[i])) for i in range(noise.shape[0])]
    return ops.stack(items)


class _Given(keras.random.SeedGenerator):
    """A seed that is given, where Keras expects to make its own from a state."""

    def __init__(self, seed: Any) -> None:
        self.seed = seed  # no state, so nothing of the base class's

    def next(self, ordered: bool = True) -> Any:
        return self.seed
