"""Normal numbers as a pure function of a batch's noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

NOISE_SIZE = 4096
"""Numbers of noise that come with an item of a batch."""

WORD = 2**24
"""Different values of one number of the noise, which is float32."""


def drawn(inputs: dict[str, Any], mean: Any, log_variance: Any, stream: int = 0) -> Any:
    """What a network draws, `mean + scale exp(log_variance / 2) eps` with `eps` standard normal; else the mean.

    Args:
        inputs: The network's. With `noise` `(B, 4096)` among them something is drawn; `noise_scale` `(B, 1)`, by
            default 1, is the scale of each item: 0 gives the mean.
        mean: `(B, ..., M)`.
        log_variance: The same shape.
        stream: Which numbers of the noise seed the draw: a network that draws several times takes another each time.

    Returns:
        The shape of `mean`.
    """
    if "noise" not in inputs:
        return mean
    deviation = ops.exp(0.5 * log_variance)
    if "noise_scale" in inputs:
        scale = ops.convert_to_tensor(inputs["noise_scale"])
        deviation = deviation * ops.reshape(scale, (-1, *[1] * (len(mean.shape) - 1)))
    return mean + deviation * normal_noise(inputs["noise"], ops.shape(mean)[1:], stream)


def normal_noise(noise: Any, shape: Sequence[Any], stream: int = 0) -> Any:
    """Standard normal numbers, each item's own: two numbers of its noise seed the backend's generator.

    So a resumed run draws what it would have drawn, and an item draws the same on whichever replica it is. Another
    backend, or XLA, draws others.

    Args:
        noise: `(B, K)` uniform in [0, 1), K at least `2 * stream + 2`; B must be known.
        shape: What each item gets.
        stream: Which two of the K numbers, from 0: those at `2 * stream`.

    Returns:
        `(B, *shape)` float32.
    """
    words = ops.cast(noise[:, 2 * stream : 2 * stream + 2] * WORD, "uint32")
    items = [keras.random.normal(shape, dtype="float32", seed=_Given(words[i])) for i in range(noise.shape[0])]
    return ops.stack(items)


class _Given(keras.random.SeedGenerator):
    """A seed that is given, where Keras expects to make its own from a state."""

    def __init__(self, seed: Any) -> None:
        self.seed = seed  # no state, so nothing of the base class's

    def next(self, ordered: bool = True) -> Any:
        return self.seed
