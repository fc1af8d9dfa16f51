"""Spread of the log Jacobian determinant."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tfregkit.api import Case, Metric
from tfregkit_plugins.metrics.jacobian import inside, jacobian_determinant


class SDLogJ(Metric):
    """Standard deviation of `log det J`: how unevenly the transformation grows and shrinks space. 0 for a rigid one.

    - `convention="clip"`: `log(max(det, 1e-9))`,
    - `convention="l2r"`: Learn2Reg's published code, `log(clip(det + 3, 1e-9, 1e9))` without the outer two voxels. Its
      values are much smaller; compare them with Learn2Reg's tables only.

    Args:
        convention: Which of the two.
        scheme: `central` (`np.gradient`) or `forward` differences.
        region: All voxels, or those of the fixed image's mask where there is one.

    Reference: Leow et al. 2007, doi:10.1109/TMI.2007.892646; Hering et al. 2022, doi:10.1109/TMI.2022.3213983.
    """

    better = "lower"

    def __init__(
        self,
        *,
        convention: Literal["clip", "l2r"] = "clip",
        scheme: Literal["central", "forward"] = "central",
        region: Literal["all", "mask"] = "all",
    ) -> None:
        self.convention = convention
        self.scheme = scheme
        self.region = region

    def __call__(self, case: Case) -> dict[str, float]:
        determinant = jacobian_determinant(case.displacement, self.scheme)
        mask = case.fixed_mask if self.region == "mask" else None
        if self.convention == "l2r":
            interior = (slice(2, -2),) * determinant.ndim
            mask = None if mask is None else mask[tuple(slice(0, n) for n in determinant.shape)][interior]
            determinant = determinant[interior] + 3.0
        values = np.clip(inside(determinant, mask), 1e-9, 1e9)
        return {"": float(np.std(np.log(values, dtype=np.float64))) if values.size else float("nan")}
