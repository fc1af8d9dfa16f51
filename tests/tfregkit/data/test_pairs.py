import itertools

import pytest
from scan_files import subject

from tfregkit.data.base import Pair
from tfregkit.data.pairs import AllPairs, pair_up, sides
from tfregkit.errors import DataError

SCANS = [
    subject(f"{p}{t}", subject=p, modality=m)
    for p, t, m in [("a", 1, "T1"), ("b", 1, "T1"), ("a", 2, "T2"), ("c", 1, "T1"), ("b", 2, "T2")]
]


def ids(pairs):
    return [pair.id for pair in pairs]


def test_all_pairs_are_all_ordered_pairs_of_different_persons():
    pairs = AllPairs(SCANS, SCANS)
    expected = [Pair(a, b).id for a, b in itertools.product(SCANS, SCANS) if a.subject != b.subject]
    assert ids(pairs) == expected
    assert len(pairs) == len(expected) == 16
    assert pairs[-1].id == expected[-1]
    assert ids(pairs[2:9:3]) == expected[2:9:3]
    for index in (16, -17):
        with pytest.raises(IndexError):
            pairs[index]


def test_all_pairs_of_many_scans_cost_no_more_than_the_scans():
    scans = [subject(f"s{i}") for i in range(3001)]
    pairs = AllPairs(scans, scans)
    assert len(pairs) == 3001 * 3000
    assert pairs[3000 * 1700 + 1699].id == "s1700_to_s1699"
    assert pairs[3000 * 1700 + 1700].id == "s1700_to_s1701"


def test_all_pairs_of_nobody_or_one_person_are_none():
    assert len(AllPairs([], [])) == 0
    assert len(AllPairs(SCANS[:1], SCANS[:1])) == 0


def test_unpaired_between_modalities():
    pairs = pair_up(SCANS, "unpaired", moving_modality="T1", fixed_modality="T2")
    assert ids(pairs) == ["a1_to_b2", "b1_to_a2", "c1_to_a2", "c1_to_b2"]


def test_paired_takes_the_scans_of_one_person():
    assert ids(pair_up(SCANS, "paired")) == ["a1_to_a2", "b1_to_b2", "a2_to_a1", "b2_to_b1"]
    assert ids(pair_up(SCANS, "paired", moving_modality="T2", fixed_modality="T1")) == ["a2_to_a1", "b2_to_b1"]


def test_atlas_is_fixed_or_moving():
    atlas = subject("atlas")
    assert ids(pair_up(SCANS[:2], "atlas", atlas=atlas)) == ["a1_to_atlas", "b1_to_atlas"]
    assert ids(pair_up(SCANS[:2], "atlas", atlas=atlas, atlas_role="moving")) == ["atlas_to_a1", "atlas_to_b1"]
    with pytest.raises(DataError, match="needs `atlas: FILE`"):
        pair_up(SCANS, "atlas")


def test_single_scans_are_alone():
    pairs = pair_up(SCANS, "single", fixed_modality="T2")
    assert ids(pairs) == ["a2", "b2"]
    assert all(pair.single and pair.moving is pair.fixed for pair in pairs)
    assert not Pair(SCANS[0], SCANS[1]).single


def test_an_unknown_modality_names_the_known_ones():
    with pytest.raises(DataError, match="no scan has the modality `T3`. Modalities: 'T1', 'T2'"):
        pair_up(SCANS, "unpaired", moving_modality="T3")


def test_sides_lists_every_scan_once():
    pairs = [Pair(SCANS[0], SCANS[1]), Pair(SCANS[0], SCANS[3]), Pair(SCANS[3], SCANS[1])]
    assert sides(pairs) == ([SCANS[0], SCANS[3]], [SCANS[1], SCANS[3]])
    assert sides(AllPairs(SCANS[:2], SCANS[3:])) == (SCANS[:2], SCANS[3:])
