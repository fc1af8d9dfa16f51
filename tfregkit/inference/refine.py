"""Per-pair refinement: the field itself is optimised; the network's weights stay as they are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from tfregkit.errors import ConfigError
from tfregkit.inference.fit import Fit, Report
from tfregkit.objective.base import Similarity
from tfregkit.objective.objective import Objective, View
from tfregkit.ops import integrate, resize_field, warp

LEARNING_RATE = 0.1
"""In voxels of the field's grid."""


def refine(
    outputs: dict[str, np.ndarray],
    moving: np.ndarray,
    fixed: np.ndarray,
    objective: Objective,
    steps: int,
    *,
    lam: float | None = None,
    report: Report | None = None,
) -> dict[str, np.ndarray]:
    """Go on from a network's answer by descending the run's objective for this pair alone.

    What is optimised is the velocity where the network gives one, else the displacement. A velocity that comes with an
    inverse is a stationary one: it is integrated by 7 squarings and resized to the images' grid, so that the warp stays
    a diffeomorphism. Without an inverse (`steps: 0`) it is the displacement itself, perhaps on a coarser grid.

    Args:
        outputs: The network's `displacement` `(1, X, Y, Z, 3)` and, where it has one, `velocity` (possibly coarser).
        moving: `(1, X, Y, Z, 1)`, as the network saw it.
        fixed: `(1, X, Y, Z, 1)`.
        objective: The run's objective; terms of the network's features, which do not change here, are left out.
        steps: How many steps of Adam.
        lam: The lambda of a conditioned run.
        report: Called after every step.

    Returns:
        `displacement`, and `velocity` and `inverse` where the network gave them: of the iterate with the lowest loss.
        That is never worse than where it began, unless a similarity samples: then every step looks at other voxels.
    """
    shape = fixed.shape[1:4]
    key = "velocity" if "velocity" in outputs else "displacement"
    objective = objective.depending_on({key, "displacement"})
    if not objective.terms:
        raise ConfigError("`refine`: no term of the run's objective depends on the field of one pair.")
    stationary = key == "velocity" and "inverse" in outputs
    still, pulled = ops.convert_to_tensor(fixed), ops.convert_to_tensor(moving)
    weight = None if lam is None else ops.convert_to_tensor(np.full((1, 1), lam, dtype=np.float32))

    def displacement(field: Any) -> Any:
        return resize_field(integrate(field) if stationary else field, shape)

    def loss(field: Any, noise: Any) -> Any:
        fields = {key: field, "displacement": displacement(field)}
        view = View(still, warp(pulled, fields["displacement"], image_gradient=False), noise=noise)
        return objective([view], fields, lam=weight)["total"]

    initial = np.asarray(outputs[key], dtype=np.float32)
    best, _ = Fit(initial, loss, learning_rate=LEARNING_RATE, steps=steps).run(report)
    refined = {key: best, "displacement": displacement(best)}
    if stationary:
        refined["inverse"] = displacement(-best)
    return {name: ops.convert_to_numpy(field) for name, field in refined.items()}


def learnt(term: Any) -> bool:
    """Whether a term has weights of its own. A similarity creates them when it first sees (symbolic) images."""
    if isinstance(term, Similarity) and not term.built:
        image = keras.KerasTensor((1, 32, 32, 32, 1))
        term(image, image)
    return bool(term.weights)
