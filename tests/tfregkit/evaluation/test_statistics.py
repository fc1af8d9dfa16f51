"""The tests by hand: ranks of a few values, counted patterns of signs, and the edges."""

import math

import numpy as np
import pytest

from tfregkit.evaluation.statistics import bonferroni, friedman, smallest_p, wilcoxon

THREE = np.array([[0.70, 0.72, 0.75], [0.60, 0.66, 0.63], [0.80, 0.83, 0.85], [0.55, 0.57, 0.58]])


def test_friedman_by_hand():
    """Ranks 1 2 3, 1 3 2, 1 2 3, 1 2 3; sums 4, 9, 11; chi2 = 12/(4*3*4) * (16 + 81 + 121) - 3*4*4 = 6.5."""
    found = friedman(THREE)
    assert found.statistic == pytest.approx(6.5)
    assert found.p == pytest.approx(math.exp(-6.5 / 2))  # the chi-squared of two degrees of freedom is exponential


def test_friedman_shares_the_ranks_of_ties():
    """Ranks 1.5 1.5 3, 1 2 3: sums 2.5, 3.5, 6; deviations from 4 are -1.5, -0.5, 2.

    chi2 = (k - 1) * sum of squared deviations / sum over all ranks of (r - 2)^2 = 2 * 6.5 / 3.5.
    """
    assert friedman([[5, 5, 9], [1, 2, 3]]).statistic == pytest.approx(2 * 6.5 / 3.5)


def test_friedman_looks_at_ranks_alone_and_at_whole_pairs():
    worse = np.concatenate([np.exp(7 * THREE) - 3, [[0.1, math.nan, 0.3]]])
    assert friedman(worse) == pytest.approx(friedman(THREE))


def test_friedman_edges():
    assert friedman(np.repeat([[0.5], [0.7]], 3, axis=1)) == (0.0, 1.0)
    assert all(math.isnan(value) for value in friedman(np.full((2, 3), math.nan)))
    with pytest.raises(ValueError, match=r"three or more runs. Received: shape=\(4, 2\)"):
        friedman(THREE[:, :2])


def test_wilcoxon_counts_the_patterns_of_signs():
    # all of six pairs better: 2 of the 2^6 patterns are as extreme
    found = wilcoxon(np.arange(6), np.arange(6) + [1.0, 2, 3, 4, 5, 6])
    assert found == (0.0, pytest.approx(2 / 64))
    # differences 1, 2, -3 and one of zero: ranks 3 against 3
    assert wilcoxon([0, 0, 0, 7], [1, 2, -3, 7]) == (3.0, 1.0)
    # differences 1, -2, 3, 4, 5: the ranks below zero sum to 2. As low are {}, {1}, {2}: 2 * 3 of 32
    assert wilcoxon(np.zeros(5), [1, -2, 3, 4, 5]) == (2.0, pytest.approx(6 / 32))


def test_wilcoxon_edges():
    assert wilcoxon([0.5, 0.6], [0.5, 0.6]) == (0.0, 1.0)
    assert all(math.isnan(value) for value in wilcoxon([math.nan], [1.0]))


def test_either_run_may_be_the_first():
    first, second = np.random.default_rng(0).normal(size=(2, 11))
    assert wilcoxon(first, second) == pytest.approx(wilcoxon(second, first))


def test_correction_is_capped_and_knows_nothing_of_nothing():
    assert bonferroni(0.01, 3) == pytest.approx(0.03)
    assert bonferroni(0.4, 3) == 1.0
    assert math.isnan(bonferroni(math.nan, 3))


def test_five_pairs_cannot_reach_a_twentieth_and_six_can():
    assert smallest_p(5) == 2 / 32 > 0.05
    assert smallest_p(6) == 2 / 64 < 0.05
    for pairs in range(1, 8):
        values = np.random.default_rng(pairs).normal(size=pairs)
        assert wilcoxon(values, values + np.arange(1, pairs + 1)).p == pytest.approx(smallest_p(pairs))
