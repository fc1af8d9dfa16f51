"""Per-pair refinement: the field itself is optimised; the network's weights stay as they are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from tfregkit.errors import ConfigError
from tfregkit.inference.fit import Fit, Report
from tfregkit.objective.base import Regularizer, Similarity
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
    a diffeomorphism. Without an inverse (`steps: 0`) it is the displacement itself, perhaps on a coarser grid. An
    inverse without a velocity is a field of its own: both are optimised, and the objective sees both directions.

    Terms of the `posterior` see one whose means are the fields here, with the variances the network gave.

    Args:
        outputs: The network's `displacement` `(1, X, Y, Z, 3)` and, where it has them, `inverse`, `velocity` (possibly
            coarser) and `posterior` `(1, X, Y, Z, 2 M)`.
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
    optimised = _Optimised(outputs, fixed.shape[1:4])
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


class _Optimised:
    """The array that is optimised, and the fields that come of it.

    Args:
        outputs: Of the network.
        shape: The images' grid.
    """

    def __init__(self, outputs: dict[str, np.ndarray], shape: tuple[int, ...]) -> None:
        self.two_way = "inverse" in outputs and "velocity" not in outputs
        self.stationary = "inverse" in outputs and not self.two_way
        self.key = "velocity" if "velocity" in outputs else "displacement"
        given = ("displacement", "inverse") if self.two_way else (self.key,)
        self.initial = np.concatenate([outputs[name] for name in given], axis=-1).astype(np.float32)
        self.names = {name for name in ("displacement", "velocity", "inverse", "posterior") if name in outputs}
        self.shape = shape
        self.log_variance = None
        if "posterior" in outputs:
            self.log_variance = ops.convert_to_tensor(np.split(outputs["posterior"], 2, axis=-1)[1])

    def fields(self, array: Any, inverse: bool = True) -> dict[str, Any]:
        """What the network would give, by name. Integrating a velocity to the inverse too takes time."""
        if self.two_way:
            fields = dict(zip(("displacement", "inverse"), _each(array), strict=True))
        else:
            fields = {self.key: array, "displacement": self._displacement(array)}
        if self.stationary and inverse:
            fields["inverse"] = self._displacement(-array)
        if self.log_variance is not None:
            means = [resize_field(field, self.log_variance.shape[1:-1]) for field in _each(array)]
            fields["posterior"] = ops.concatenate([*means, self.log_variance], axis=-1)
        return fields

    def _displacement(self, field: Any) -> Any:
        return resize_field(integrate(field) if self.stationary else field, self.shape)


def _each(array: Any) -> list[Any]:
    """The fields side by side in the channels."""
    return ops.split(array, array.shape[-1] // (len(array.shape) - 2), axis=-1)


def learnt(term: Any) -> bool:
    """Whether a term has weights of its own. A similarity creates them when it first sees (symbolic) images."""
    if isinstance(term, Similarity) and not term.built:
        image = keras.KerasTensor((1, 32, 32, 32, 1))
        term(image, image)
    return bool(term.weights)
