"""Per-pair refinement: the field itself is optimised; the network's weights stay as they are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from tfregkit.errors import ConfigError
from tfregkit.inference.fit import Fit, Report
from tfregkit.inference.optimised import Optimised
from tfregkit.objective.base import Regularizer, Similarity
from tfregkit.objective.objective import Objective, View
from tfregkit.ops import warp

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

    What is optimised, and what comes of it, is told by `Optimised`. Where there are two fields, to and fro, the
    objective sees both directions.

    Args:
        outputs: The network's `displacement` `(1, X, Y, Z, 3)` and, where it has them, `inverse`, `velocity` (possibly
            coarser), `posterior` `(1, X, Y, Z, 2 M)`, `affine` `(1, 3, 4)` and `deformation`.
        moving: `(1, X, Y, Z, 1)`, as the network saw it.
        fixed: `(1, X, Y, Z, 1)`.
        objective: The run's objective; terms of the network's features, which do not change here, are left out.
        steps: How many steps of Adam.
        lam: The lambda of a conditioned run.
        report: Called after every step.

    Returns:
        `displacement`, and the other fields that the network gave: of the iterate with the lowest loss.
        That is never worse than where it began, unless a similarity samples: then every step looks at other voxels.
    """
    optimised = Optimised(outputs, fixed.shape[1:4])
    views = ("forward", "backward") if optimised.two_way else ("forward",)
    objective = objective.depending_on(optimised.names, views)
    if not objective.terms:
        raise ConfigError("`refine`: no term of the run's objective depends on the field of one pair.")
    still, pulled = ops.convert_to_tensor(fixed), ops.convert_to_tensor(moving)
    backward = any(isinstance(term, Regularizer) and term.on == "inverse" for term in objective.terms.values())
    weight = None if lam is None else ops.convert_to_tensor(np.full((1, 1), lam, dtype=np.float32))

    def loss(array: Any, noise: Any) -> Any:
        fields = optimised.fields(array, inverse=backward)
        views = [View(still, warp(pulled, fields["displacement"], image_gradient=False), noise=noise)]
        if optimised.two_way:
            moved = warp(still, fields["inverse"], image_gradient=False)
            views.append(View(pulled, moved, name="backward", roles=("moving", "fixed"), noise=noise))
        return objective(views, fields, lam=weight)["total"]

    best, _ = Fit(optimised.initial, loss, learning_rate=LEARNING_RATE, steps=steps).run(report)
    found = optimised.fields(ops.convert_to_tensor(best))
    return {name: ops.convert_to_numpy(found[name]) for name in found if name in outputs and name != "posterior"}


def learnt(term: Any) -> bool:
    """Whether a term has weights of its own. A similarity creates them when it first sees (symbolic) images."""
    if isinstance(term, Similarity) and not term.built:
        image = keras.KerasTensor((1, 32, 32, 32, 1))
        term(image, image)
    return bool(term.weights)
