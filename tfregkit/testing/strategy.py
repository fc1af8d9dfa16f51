"""Checks of a training strategy: see `tfregkit.api.Strategy` for the contract they spell out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfregkit.api import Network, Regularizer, Similarity, Strategy
from tfregkit.data.views import VIEWS
from tfregkit.objective.objective import Objective
from tfregkit.testing.common import BATCH, follows_the_rules, fresh, image, per_item

SHAPE = (8, 12, 16)


class CheckedDifference(Similarity):
    def call(self, fixed: Any, moved: Any, mask: Any = None) -> Any:
        return keras.ops.mean(keras.ops.square(fixed - moved), axis=tuple(range(1, len(fixed.shape))))


class CheckedSize(Regularizer):
    def call(self, field: Any) -> Any:
        return keras.ops.mean(keras.ops.square(field), axis=tuple(range(1, len(field.shape))))


class CheckedConvolution(Network):
    """The smallest network there is: one convolution to a field and its opposite."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.convolution = keras.layers.Conv3D(3, 3, padding="same")

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        field = self.convolution(keras.ops.concatenate([inputs["moving"], inputs["fixed"]], axis=-1))
        return {"displacement": field, "inverse": -field, "velocity": field}


def step(strategy: Strategy) -> dict[str, Any]:
    """What the strategy makes of a batch, a small network and an objective of two terms."""
    batch = {"moving": image(SHAPE, 1), "fixed": image(SHAPE, 2)}
    if "labels" in strategy.needs:
        batch |= {f"{role}_labels": (3 * batch[role]).astype("int32") for role in ("moving", "fixed")}
    if "views" in strategy.needs:
        batch |= {name: np.sqrt(np.abs(batch[role])) for name, role in VIEWS.items()}
    rng = np.random.default_rng(0)
    items = [strategy.item({key: volumes[i, ..., 0] for key, volumes in batch.items()}, rng) for i in range(BATCH)]
    batch |= {key: np.stack([drawn[key] for drawn in items]) for key in items[0]}
    objective = Objective(terms={"difference": CheckedDifference(), "size": CheckedSize()}, weights={"size": 0.5})
    tensors = {name: keras.ops.convert_to_tensor(values) for name, values in batch.items()}
    return fresh(strategy)(tensors, network=CheckedConvolution(), objective=objective, training=True)


def gives_terms_and_their_total(strategy: Strategy) -> None:
    """Every term and `total`, one finite float32 value per pair."""
    terms = step(strategy)
    assert isinstance(terms, dict), f"a strategy returns a dict of terms. Received: {type(terms).__name__}"
    assert "total" in terms, f"the value to descend goes under `total`. Received: {sorted(terms)}"
    for name, values in terms.items():
        per_item(values, BATCH, f"the term `{name}`")


def total_is_not_constant(strategy: Strategy) -> None:
    """The total depends on the network: two networks with different weights give different values."""
    totals = [keras.ops.convert_to_numpy(step(strategy)["total"]) for _ in range(2)]
    assert not np.allclose(*totals, rtol=1e-9), "the total does not depend on the network's weights"


CHECKS = [follows_the_rules, gives_terms_and_their_total, total_is_not_constant]
