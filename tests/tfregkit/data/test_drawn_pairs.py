from collections import Counter

import numpy as np
import pytest
from scan_files import subject

from tfregkit.data.base import Pair
from tfregkit.data.drawn_pairs import DrawnPairs
from tfregkit.data.pairs import sides

GROUPS = [[subject(f"a{i}") for i in range(3)], [subject(f"b{i}") for i in range(5)], [subject("c0")]]
DRAWS = 4000


def drawn(pairs, count=DRAWS):
    return [pairs.drawn(np.random.default_rng([7, item])) for item in range(count)]


def chi_square(counts, shares):
    expected = DRAWS * np.asarray(shares)
    return float(np.sum((np.asarray(counts) - expected) ** 2 / expected))


def test_groups_are_drawn_by_weight_and_their_scans_evenly():
    found = Counter(pair.fixed.id for pair in drawn(DrawnPairs(GROUPS, [3, 5, 0])))
    assert "c0" not in found
    shares = [3 / 8 / 3] * 3 + [5 / 8 / 5] * 5
    assert chi_square([found[scan.id] for group in GROUPS[:2] for scan in group], shares) < 24.3  # 0.1 % of 7 degrees


def test_moving_scans_are_the_fixed_one_or_others_of_the_group_1_to_1():
    pairs = drawn(DrawnPairs(GROUPS[:2], [1, 1]))
    assert all(pair.moving.id[0] == pair.fixed.id[0] for pair in pairs)
    same = sum(pair.single for pair in pairs)
    assert chi_square([same, DRAWS - same], [0.5, 0.5]) < 10.8
    others = Counter((pair.moving.id, pair.fixed.id) for pair in pairs if not pair.single)
    assert len(others) == 3 * 2 + 5 * 4
    share = [1 / 2 / 6] * 6 + [1 / 2 / 20] * 20
    expected = (DRAWS - same) * np.array(share)
    counts = np.array([others[key] for key in sorted(others)])
    assert float(np.sum((counts - expected) ** 2 / expected)) < 52.6  # 25 degrees


@pytest.mark.parametrize("same", [0.0, 1.0])
def test_the_share_of_the_same_scan_is_as_asked(same):
    assert {pair.single for pair in drawn(DrawnPairs(GROUPS[:2], [1, 1], same=same), 100)} == {bool(same)}


def test_a_group_of_one_scan_pairs_it_with_itself():
    assert set(drawn(DrawnPairs(GROUPS[2:], [1], same=0.0), 20)) == {Pair(GROUPS[2][0], GROUPS[2][0])}


def test_alone_scans_are_drawn_as_before():
    alone = DrawnPairs(GROUPS, [3, 5, 0]).alone()
    pairs = drawn(alone)
    assert all(pair.single for pair in pairs)
    counts = Counter(pair.fixed.id[0] for pair in pairs)
    assert chi_square([counts["a"], counts["b"]], [3 / 8, 5 / 8]) < 10.8
    assert [pair.fixed.id for pair in alone] == [scan.id for group in GROUPS for scan in group]


def test_as_a_sequence_it_has_each_scan_with_the_next_of_its_group():
    pairs = DrawnPairs(GROUPS, [1, 1, 1])
    assert [pair.id for pair in pairs] == [
        "a1_to_a0", "a2_to_a1", "a0_to_a2",
        "b1_to_b0", "b2_to_b1", "b3_to_b2", "b4_to_b3", "b0_to_b4",
        "c0",
    ]  # fmt: skip
    assert pairs[-2].id == "b0_to_b4"
    assert [pair.id for pair in pairs[2:4]] == ["a0_to_a2", "b1_to_b0"]
    assert sides(pairs) == (pairs.scans, pairs.scans)
    with pytest.raises(IndexError):
        pairs[9]


def test_each_scan_of_other_groups_is_fixed_once_beside_itself_or_one_of_its_group():
    pairs = DrawnPairs(GROUPS[:1], [1], same=0.5)
    found = pairs.drawn_for_each(GROUPS, 3)
    assert found == pairs.drawn_for_each(GROUPS, 3)
    for group, own in zip(GROUPS, found, strict=True):
        assert [pair.fixed for pair in own] == list(group)
        assert {pair.moving for pair in own} <= set(group)
    for same in (0.0, 1.0):
        (own, *_) = DrawnPairs(GROUPS[:1], [1], same=same).drawn_for_each(GROUPS, 3)
        assert {pair.single for pair in own} == {bool(same)}
