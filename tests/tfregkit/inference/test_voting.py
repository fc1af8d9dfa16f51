"""Votes against their definition, and the ties."""

import numpy as np
import pytest
from references.voting import vote as slow_vote

from tfregkit.inference import voting
from tfregkit.inference.voting import vote

SHAPE = (5, 7, 3)


def maps(seed=0, labels=(-40000, -3, 0, 2, 70000), count=5):
    return np.random.default_rng(seed).choice(np.array(labels, np.int32), (count, *SHAPE))


@pytest.mark.parametrize("chunk", [2**18, 11])
def test_as_defined(monkeypatch, chunk):
    monkeypatch.setattr(voting, "CHUNK", chunk)
    weights = np.random.default_rng(1).uniform(0.01, 1.0, (5, *SHAPE)).astype(np.float32)
    for given, meant in ((None, np.ones((5, *SHAPE))), (weights, weights)):
        labels, share = vote(maps(), given)
        expected, expected_share = slow_vote(maps(), meant)
        np.testing.assert_array_equal(labels, expected)
        np.testing.assert_allclose(share, expected_share, rtol=1e-6)
        assert (labels.dtype, share.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize(
    ("votes", "label", "share"),
    [
        ([3, 1, 2], 1, 1 / 3),
        ([5, 5, 2, 2], 2, 1 / 2),
        ([4, -7], -7, 1 / 2),
        ([9, 0, 9], 9, 2 / 3),
        ([6, 6, 6], 6, 1.0),
        ([8], 8, 1.0),
    ],
)
def test_of_equals_the_lowest_wins(votes, label, share):
    found = vote(np.array(votes, np.int16).reshape(-1, 1, 1, 1))
    assert found[0].item() == label
    assert found[1].item() == pytest.approx(share)


def test_equal_sums_of_unequal_weights_tie_too():
    votes = np.array([4, 1, 4, 1], np.uint8).reshape(-1, 1, 1, 1)
    weights = np.array([0.75, 0.5, 0.25, 0.5], np.float32).reshape(-1, 1, 1, 1)
    labels, share = vote(votes, weights)
    assert (labels.item(), share.item()) == (1, 0.5)


def test_one_heavy_vote_beats_two_light_ones():
    votes = np.array([2, 2, 7], np.uint8).reshape(-1, 1, 1, 1)
    weights = np.array([0.1, 0.2, 0.5], np.float32).reshape(-1, 1, 1, 1)
    labels, share = vote(votes, weights)
    assert labels.item() == 7
    assert share.item() == pytest.approx(0.5 / 0.8)


def test_the_maps_stay_as_they_are():
    given = maps()
    vote(given)
    np.testing.assert_array_equal(given, maps())
