"""Whether paired values of two or more runs differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats


class Tested(NamedTuple):
    """What a test gives: its statistic, and p in [0, 1]; both NaN where there is nothing to test."""

    statistic: float
    p: float


def wilcoxon(first: np.ndarray, second: np.ndarray) -> Tested:
    """Two-sided Wilcoxon signed-rank test for paired values.

    Pairs in which a value is NaN are left out, and so are pairs without difference (`zero_method="wilcox"`); if no pair
    differs, p is 1. Exact for small samples without ties: fewer than 6 pairs cannot reach 0.05.

    Args:
        first: Values `(n,)`.
        second: Values of the same pairs `(n,)`.

    Returns:
        The smaller of the two sums of ranks, and p.

    Reference: Wilcoxon 1945, doi:10.2307/3001968.
    """
    difference = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    difference = difference[~np.isnan(difference)]
    if not difference.size:
        return Tested(float("nan"), float("nan"))
    if not difference.any():
        return Tested(0.0, 1.0)
    found = stats.wilcoxon(difference[difference != 0], zero_method="wilcox")
    return Tested(float(found.statistic), float(found.pvalue))


def friedman(values: np.ndarray) -> Tested:
    """Friedman's test whether k runs differ, by the ranks of the runs within each pair; ties share their ranks.

    Pairs in which a value is NaN are left out; if the runs are equal in every pair, p is 1. p comes from the
    chi-squared distribution with k - 1 degrees of freedom, which few pairs follow roughly.

    Args:
        values: `(n, k)`, a row for each pair and a column for each run.

    Returns:
        Friedman's chi-squared, and p.

    Raises:
        ValueError: With fewer than three runs.

    Reference: Friedman 1937, doi:10.1080/01621459.1937.10503522.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] < 3:
        raise ValueError(f"`values` must be (pairs, runs) of three or more runs. Received: shape={values.shape}")
    values = values[~np.isnan(values).any(axis=1)]
    if not len(values):
        return Tested(float("nan"), float("nan"))
    if (values == values[:, :1]).all():
        return Tested(0.0, 1.0)
    found = stats.friedmanchisquare(*values.T)
    return Tested(float(found.statistic), float(found.pvalue))


def bonferroni(p: float, comparisons: int) -> float:
    """p corrected for the number of comparisons: `min(1, p * k)`; NaN stays NaN."""
    return float(np.minimum(1.0, p * comparisons))


def smallest_p(pairs: int) -> float:
    """The smallest p that the two-sided signed-rank test can give: all pairs of one sign, 2 of `2^n` patterns."""
    return min(1.0, 2.0 ** (1 - pairs))
