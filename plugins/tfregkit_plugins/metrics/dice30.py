"""Dice of the worst 30 % of the pairs, in both conventions."""

from __future__ import annotations

import math

import numpy as np

from tfregkit.api import Case
from tfregkit_plugins.metrics.dice import Dice


class Dice30(Dice):
    """Robustness: how good the worst pairs are. Computed over pairs, from the mean Dice of each pair.

    - `dice30_mean`: mean of the `ceil(0.3 n)` lowest values (ContraReg),
    - `dice_p30`: their 30th percentile (Learn2Reg).

    The two are not comparable: for 64 values evenly spread over [0.5, 0.9] they are 0.5603 and 0.62.

    Args:
        structures: As in `dice`.
        labels: As in `dice`.

    Reference: Dey et al. 2022, doi:10.1007/978-3-031-16446-0_7; Hering et al. 2022, doi:10.1109/TMI.2022.3213983.
    """

    def __call__(self, case: Case) -> dict[str, float]:
        """`{"": mean Dice of the pair}`."""
        values = super().__call__(case)
        return {"": values[""]} if values else {}

    def pool(self, values: np.ndarray) -> dict[str, float]:
        known = np.sort(values[~np.isnan(values)])
        if not len(known):
            return {"dice30_mean": float("nan"), "dice_p30": float("nan")}
        worst = known[: math.ceil(0.3 * len(known))]
        return {"dice30_mean": float(worst.mean()), "dice_p30": float(np.percentile(known, 30))}
