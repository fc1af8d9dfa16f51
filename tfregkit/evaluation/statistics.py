"""Whether two lists of paired values differ."""

from __future__ import annotations

import numpy as np
from scipy import stats


def wilcoxon_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p-value of the Wilcoxon signed-rank test for paired values.

    Pairs in which a value is NaN are left out, and so are pairs without difference (`zero_method="wilcox"`); if no pair
    differs, p is 1. Exact for small samples without ties: fewer than 6 pairs cannot reach 0.05.

    Args:
        first: Values `(n,)`.
        second: Values of the same pairs `(n,)`.

    Returns:
        p in [0, 1], or NaN without any pair.
    """
    difference = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    difference = difference[~np.isnan(difference)]
    if not difference.size:
        return float("nan")
    if not difference.any():
        return 1.0
    return float(stats.wilcoxon(difference[difference != 0], zero_method="wilcox").pvalue)
