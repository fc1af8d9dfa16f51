"""The network on one pair at one or several lambdas."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from tfregkit.backend.loop import compiled
from tfregkit.errors import RunError
from tfregkit.inference.timing import share, timed
from tfregkit.models.base import Network

CHUNK_VOXELS = 2**21
"""Voxels of the working grid that go through the network in one call, times lambdas: a feature map of 64 channels has
then 512 MB. A grid that is larger alone goes through once for each lambda."""

FIELDS = ("displacement", "inverse", "velocity", "posterior", "affine", "deformation")
"""What inference takes of a network's outputs; the others are not even computed where the backend makes a graph."""


class Forward:
    """A network for inference: compiled once; several lambdas of one pair in chunks.

    Within a chunk, layers before the first conditioning run once, if the network takes images of batch 1 with several
    lambdas; else the images are repeated.

    Args:
        network: The trained network.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._predict = compiled(self._outputs)

    def __call__(
        self, batch: dict[str, np.ndarray], lambdas: Sequence[float | None]
    ) -> Iterator[tuple[dict[str, np.ndarray], dict[str, float]]]:
        """For each lambda in turn the network's fields, batch 1, with its share of the seconds.

        Args:
            batch: `moving` and `fixed`, `(1, X, Y, Z, 1)`.
            lambdas: In [0, 1]; `[None]` for a network that takes none.

        Raises:
            RunError: When a displacement is not finite, or the network gives none.
        """
        voxels = math.prod(batch["fixed"].shape[1:-1])
        calls = math.ceil(len(lambdas) / max(1, CHUNK_VOXELS // voxels))
        for chunk in np.array_split(np.array(lambdas, dtype=object), calls):
            seconds: dict[str, float] = {}
            with timed(seconds, "network"):
                outputs = self._fields(batch, list(chunk))
            for place in range(len(chunk)):
                yield {name: field[place : place + 1] for name, field in outputs.items()}, share(seconds, len(chunk))

    def _outputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        found = self.network(inputs, training=False)
        return {name: found[name] for name in FIELDS if name in found}

    def _fields(self, batch: dict[str, np.ndarray], lambdas: list[float | None]) -> dict[str, np.ndarray]:
        inputs = dict(batch)
        if lambdas != [None]:
            inputs["lam"] = np.array(lambdas, dtype=np.float32)[:, None]
            if len(lambdas) > 1 and not self._broadcasts:
                inputs |= {name: np.repeat(image, len(lambdas), axis=0) for name, image in batch.items()}
        found = self._predict({name: ops.convert_to_tensor(value) for name, value in inputs.items()})
        outputs = {name: np.asarray(ops.convert_to_numpy(field), np.float32) for name, field in found.items()}
        if "displacement" not in outputs:
            raise RunError(
                "this run's network gives no displacement, so it registers nothing: it is there for other stages to "
                "begin with (`initial`) or to look at. Take a run that registers."
            )
        if not np.isfinite(outputs["displacement"]).all():
            raise RunError("the network gave a displacement that is not finite. Was the run's training healthy?")
        return outputs

    @cached_property
    def _broadcasts(self) -> bool:
        """Whether images of batch 1 and two lambdas give two of every field; found out by shapes alone."""
        image = keras.KerasTensor((1, *[self.network.stride * 2] * 3, 1))
        inputs = {"moving": image, "fixed": image, "lam": keras.KerasTensor((2, 1))}
        try:
            found = self._outputs(inputs)
        except Exception:  # a network that cannot is given repeated images, and then says itself what is wrong
            return False
        return all(field.shape[0] == 2 for field in found.values())
