"""Percentage of folding voxels."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tfregkit.api import Case, Metric
from tfregkit_plugins.metrics.jacobian import inside, jacobian_determinant


class Folds(Metric):
    """`100 * mean(det J <= 0)`: where the transformation turns space inside out, in % of the voxels.

    Args:
        scheme: `central` (`np.gradient`, what most papers print) or `forward` (strict: it sees fields that alternate
            from voxel to voxel, which central differences miss).
        region: Count all voxels, or those of the fixed image's mask where there is one.
    """

    better = "lower"
    unit = "%"

    def __init__(
        self, *, scheme: Literal["central", "forward"] = "central", region: Literal["all", "mask"] = "all"
    ) -> None:
        self.scheme = scheme
        self.region = region

    def __call__(self, case: Case) -> dict[str, float]:
        mask = case.fixed_mask if self.region == "mask" else None
        values = inside(jacobian_determinant(case.displacement, self.scheme), mask)
        return {"": float(100.0 * np.mean(values <= 0)) if values.size else float("nan")}
