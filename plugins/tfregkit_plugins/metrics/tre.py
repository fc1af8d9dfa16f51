"""Distance between corresponding points after registration."""

from __future__ import annotations

import numpy as np

from tfregkit.api import Case, DataError, Metric


class TRE(Metric):
    """Target registration error: mean of `|phi(p_fixed) - p_moving|` over the landmarks, in mm.

    `phi` maps points of the fixed image to the moving image, which is what a pull-back field does. Where the points
    carry a known truth (synthetic pairs) this is the endpoint error.
    """

    better = "lower"
    unit = "mm"

    def __call__(self, case: Case) -> dict[str, float]:
        """`{"": mean distance}`; empty when either image has no points.

        Raises:
            DataError: When the two lists differ in length.
        """
        if case.fixed_points_mm is None or case.moving_points_mm is None or case.warped_points_mm is None:
            return {}
        if len(case.fixed_points_mm) != len(case.moving_points_mm):
            own, other = ("fixed", "moving") if case.direction == "registration" else ("moving", "fixed")
            raise DataError(
                f"{case.pair}: the {own} image has {len(case.fixed_points_mm)} points and the {other} image "
                f"{len(case.moving_points_mm)}; row n of one list must correspond to row n of the other."
            )
        distances = np.linalg.norm(case.warped_points_mm - case.moving_points_mm, axis=-1)
        return {"": float(distances.mean()) if len(distances) else float("nan")}
