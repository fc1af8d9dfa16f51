"""Looking at the validation pairs while training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from tfregkit.backend.loop import compiled
from tfregkit.ops.class_maps import class_numbers
from tfregkit.ops.warp import warp
from tfregkit.training.callbacks.base import StepCallback


class Validation(StepCallback):
    """Every `every` steps: `val_loss` and, where there are labels, `val_dice`: means over the pairs (or single scans).

    Dice is that of the fixed labels and the moved ones (nearest neighbour), or of the structures of a network that
    segments and the most probable classes: on the training grid, averaged over the structures.

    Args:
        start: See `StepCallback`.
        stop: The last step, after which there is a validation too.
        every: Steps between validations.
        pairs: The pairs.
        load: Gives a pair as a batch of one.
        lam: Lambda for a network that takes it, else None.
        parts: For a network that segments and is trained on parts of the images: gives the probabilities
            `(K, X, Y, Z)` of an image `(1, X, Y, Z, 1)`. Without, the network sees the whole at once.
    """

    def __init__(
        self,
        start: int,
        stop: int,
        every: int,
        pairs: Sequence[Any],
        load: Callable[[Any], dict[str, np.ndarray]],
        lam: float | None,
        parts: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        super().__init__(start)
        self.stop, self.every, self.pairs, self.load, self.lam = stop, every, pairs, load, lam
        self.parts = parts
        self._look = None

    def after_step(self, step: int, logs: dict[str, Any]) -> None:
        if step % self.every and step != self.stop:
            return
        self.model.settle()
        self._look = self._look or compiled(_looker(self.model))
        found: dict[str, list[float]] = {}
        for pair in self.pairs:
            for name, value in self._measure(self.load(pair)).items():
                found.setdefault(name, []).append(value)
        logs.update({f"val_{name}": float(np.mean(values)) for name, values in found.items()})

    def _measure(self, batch: dict[str, np.ndarray]) -> dict[str, float]:
        if self.lam is not None:
            batch["lam"] = np.full((1, 1), self.lam, "float32")
        if self.parts is not None:
            probabilities = np.moveaxis(self.parts(batch["fixed"]), 0, -1)[None]
            batch["logits"] = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
        total, maps = self._look({name: ops.convert_to_tensor(array) for name, array in batch.items()})
        values = {"loss": float(ops.convert_to_numpy(total)[0])}
        if maps is not None:
            values["dice"] = dice(*map(ops.convert_to_numpy, maps))
        return {name: value for name, value in values.items() if np.isfinite(value)}


def dice(fixed: np.ndarray, moved: np.ndarray) -> float:
    """`2 |A & B| / (|A| + |B|)`, averaged over the labels other than 0 in either map; NaN without labels."""
    values, indices = np.unique(np.stack([fixed.ravel(), moved.ravel()]), return_inverse=True)
    first, second = indices.reshape(2, -1)
    structures, size = values != 0, len(values)
    if not structures.any():
        return float("nan")
    both = np.bincount(first[first == second], minlength=size)[structures]
    sizes = (np.bincount(first, minlength=size) + np.bincount(second, minlength=size))[structures]
    return float(np.mean(2 * both / sizes))


class _Remembering:
    """A network that keeps what it first gave, or gives the logits that are known already."""

    def __init__(self, network: Any, logits: Any = None) -> None:
        self.network, self.logits = network, logits
        self.outputs: dict[str, Any] = {}

    def __call__(self, inputs: dict[str, Any], training: bool | None = None, **wanted: Any) -> dict[str, Any]:
        known = self.logits is not None
        outputs = {"logits": self.logits} if known else self.network(inputs, training=training, **wanted)
        self.outputs = self.outputs or outputs
        return outputs

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)


def _looker(trainer: Any) -> Callable[[dict[str, Any]], tuple[Any, Any]]:
    """A function of a batch: the total `(B,)`, and the label maps to compare, from one pass of the network."""

    def look(batch: dict[str, Any]) -> tuple[Any, Any]:
        network = _Remembering(trainer.network, batch.get("logits"))
        terms = trainer.strategy(batch, network=network, objective=trainer.objective, training=False)
        return terms["total"], _maps(batch, network)

    return look


def _maps(batch: dict[str, Any], network: _Remembering) -> tuple[Any, Any] | None:
    """The true label map and the one that the network's outputs lead to; None where there are none."""
    outputs, truth = network.outputs, batch.get("fixed_labels")
    if truth is None:
        return None
    if "logits" in outputs:
        found = ops.cast(ops.argmax(outputs["logits"], axis=-1), "int32")
        return class_numbers(truth, list(network.structures.values())), ops.expand_dims(found, -1)
    if "displacement" in outputs and "moving_labels" in batch:
        field = ops.cast(outputs["displacement"], "float32")
        return truth, warp(batch["moving_labels"], field, interpolation="nearest", image_gradient=False)
    return None
