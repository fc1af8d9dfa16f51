"""Both conventions of Dice30, on numbers worked out by hand."""

import math

import numpy as np
import pytest
from references.cases import case

from tfregkit_plugins.metrics.dice import Dice
from tfregkit_plugins.metrics.dice30 import Dice30


def test_the_two_conventions_differ():
    values = np.random.default_rng(1).permutation(np.linspace(0.5, 0.9, 64))
    pooled = Dice30().pool(values)
    # ceil(0.3 * 64) = 20 values 0.5 + 0.4 k / 63, k = 0..19: mean 0.5 + 0.4 * 9.5 / 63
    assert pooled == {"dice30_mean": pytest.approx(0.5 + 0.4 * 9.5 / 63), "dice_p30": pytest.approx(0.62)}


def test_at_least_one_pair_counts_and_undefined_pairs_do_not():
    assert Dice30().pool(np.array([0.8, np.nan, 0.6]))["dice30_mean"] == 0.6
    assert all(math.isnan(v) for v in Dice30().pool(np.array([np.nan])).values())


def test_the_value_of_a_pair_is_its_mean_dice():
    assert Dice30()(case()) == {"": Dice()(case())[""]}
    assert Dice30()(case(moved_labels=None)) == {}
