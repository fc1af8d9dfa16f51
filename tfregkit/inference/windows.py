"""Class probabilities of whole images, by a network that sees one window at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from tfregkit.backend.loop import compiled
from tfregkit.inference.layout import Layout
from tfregkit.inference.tiling import Tiling
from tfregkit.models.base import Network


class SlidingWindows:
    """`sum over windows of w * softmax(logits)`, with the weights w of a `Layout`, which are 1 together.

    Memory for the network's feature maps is that of a window; the probabilities lie in main memory.

    Args:
        network: A network that segments.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._predict = compiled(self._probabilities)

    def __call__(self, image: np.ndarray, layout: Layout) -> np.ndarray:
        """The probabilities `(K, X, Y, Z)` float32 of an image `(1, X, Y, Z, 1)`."""
        whole: np.ndarray | None = None
        for box, weights in layout.boxes():
            found = ops.convert_to_numpy(self._predict(ops.convert_to_tensor(image[(slice(None), *box)])))[0]
            if whole is None:
                whole = np.zeros((found.shape[-1], *layout.shape), np.float32)
            whole[(slice(None), *box)] += weights * np.moveaxis(found, -1, 0)
        return whole

    def _probabilities(self, image: Any) -> Any:
        logits = self._network({"fixed": image}, training=False)["logits"]
        return ops.softmax(ops.cast(logits, "float32"), axis=-1)


def by_windows(network: Network, shape: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of an image `(1, X, Y, Z, 1)`, at least as large as a window, that gives what `SlidingWindows` does.

    Args:
        network: A network that segments.
        shape: Of the windows. Neighbours share a quarter of it, or less by the stride.
    """
    stride = network.stride
    windows, tiling = SlidingWindows(network), Tiling.of(shape, [side // 4 // stride * stride for side in shape])

    def probabilities(image: np.ndarray) -> np.ndarray:
        sizes = np.array(image.shape[1:4])
        beyond = -sizes % stride
        padded = np.pad(image, [(0, 0), *((0, more) for more in beyond), (0, 0)], mode="edge")
        found = windows(padded, tiling.layout(padded.shape[1:4], stride))
        return found[(slice(None), *map(slice, sizes))]

    return probabilities
