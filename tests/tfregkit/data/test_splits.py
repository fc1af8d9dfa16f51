from collections import Counter

import pytest
from scan_files import subject

from tfregkit.data.base import Pair, Split
from tfregkit.data.pairs import sides
from tfregkit.data.splits import at_most, check_split, make_split, split_persons
from tfregkit.errors import DataError

PERSONS = [f"p{i:02d}" for i in range(13)]


def test_who_is_named_nowhere_trains():
    split = split_persons(PERSONS, 0, source="x", validation=["p03"], test=["p05", "p07"])
    assert split["p03"] == "validation"
    assert split["p05"] == split["p07"] == "test"
    assert Counter(split.values()) == {"train": 10, "validation": 1, "test": 2}


def test_train_by_name_leaves_the_others_out():
    assert split_persons(PERSONS, 0, source="x", train=["p01", "p02"], test=["p03"]) == {
        "p01": "train",
        "p02": "train",
        "p03": "test",
    }


def test_numbers_written_without_quotes_are_names():
    assert split_persons(["1000", "1001", "1002"], 0, source="x", test=[1001])["1001"] == "test"


def test_shares_are_drawn_by_the_seed_whatever_the_order():
    one = split_persons(PERSONS, 5, source="x", validation=0.15, test=0.3)
    assert Counter(one.values()) == {"train": 7, "validation": 2, "test": 4}
    assert split_persons(PERSONS[::-1] + PERSONS, 5, source="x", validation=0.15, test=0.3) == one
    assert any(split_persons(PERSONS, seed, source="x", validation=0.15, test=0.3) != one for seed in range(3))


def test_names_and_shares_mix():
    split = split_persons(PERSONS, 5, source="x", validation=["p00"], test=0.5)
    assert split["p00"] == "validation"
    assert Counter(split.values())["test"] == 6


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"test": ["p99"]}, "x: `test` names the subject `p99`, which is not there. Did you mean"),
        ({"test": ["xyz"]}, r"the subject `xyz`, which is not there. Subjects: p00, p01, p02, p03, p04, \.\.\.\.$"),
        ({"test": ["p01"], "validation": ["p01"]}, "x: subject `p01` is in two splits: `test` and `validation`"),
        ({"test": 0.9, "validation": 0.5}, "x: `validation: 0.5` asks for 6 of 13 subjects, but 1 are left"),
    ],
)
def test_impossible_splits(shares, message):
    with pytest.raises(DataError, match=message):
        split_persons(PERSONS, 0, source="x", **shares)


def test_scans_of_one_person_stay_together():
    scans = [subject(f"{p}-{t}", subject=p) for p in PERSONS for t in (1, 2)]
    split = make_split(scans, 3, source="x", validation=0.2, test=0.2, max_validation_pairs=4)
    assert len(split.train) == 7 * 2 * 6 * 2
    assert len(split.validation) == 4
    assert len(split.test) == 3 * 2 * 2 * 2
    persons = [
        {s.subject for side in sides(part) for s in side} for part in (split.train, split.validation, split.test)
    ]
    assert sum(map(len, persons)) == len(set.union(*persons)) == 13


def test_drawn_pairs_keep_their_order_and_depend_on_the_seed():
    pairs = [Pair(subject(f"m{i}"), subject(f"f{i}")) for i in range(31)]
    chosen = at_most(pairs, 7, 1)
    numbers = [int(pair.moving.id[1:]) for pair in chosen]
    assert numbers == sorted(set(numbers))
    assert len(chosen) == 7
    assert at_most(pairs, 7, 1) == chosen != at_most(pairs, 7, 2)
    assert at_most(pairs, None, 1) == at_most(pairs, 31, 1) == pairs


def test_a_pair_list_with_one_person_in_two_parts_is_refused_but_an_atlas_is_not():
    a, b, c, d = (subject(name) for name in "abcd")
    with pytest.raises(DataError, match="list.csv: subject `b` is in two splits: `train` and `test`"):
        check_split(Split(train=[Pair(a, b)], test=[Pair(c, b), Pair(b, d)]), "list.csv")
    to_atlas = Split(train=[Pair(a, d), Pair(b, d)], test=[Pair(c, d)])
    assert check_split(to_atlas, "list.csv") is to_atlas
    from_atlas = Split(train=[Pair(d, a)], validation=[Pair(d, b)], test=[Pair(d, c)])
    assert check_split(from_atlas, "list.csv") is from_atlas


def test_validation_and_test_are_registered_to_a_reference_that_trains():
    scans = [subject(f"{p}-{m}", subject=p, modality=m) for p in "abcdefg" for m in ("T1", "T2")]
    parts = {"validation": ["e"], "test": ["f", "g"], "moving_modality": "T1", "fixed_modality": "T2"}
    split = make_split(scans, 3, source="x", reference="b", **parts)
    assert [(pair.moving.id, pair.fixed.id) for pair in split.validation] == [("e-T1", "b-T2")]
    assert [(pair.moving.id, pair.fixed.id) for pair in split.test] == [("f-T1", "b-T2"), ("g-T1", "b-T2")]
    assert len(split.train) == 4 * 3
    assert {pair.fixed.subject for pair in split.train} == set("abcd")
    numbers = [subject(str(n)) for n in (1000, 1001, 1002, 1003)]
    assert make_split(numbers, 0, source="x", reference=1001, test=[1003]).test == [Pair(numbers[3], numbers[1])]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("p03", "x: `reference` names `p03`, who is in `test`. Take one who trains"),
        ("p99", "x: `reference` must name a subject with one scan; `p99` has 0. Did you mean `p0"),
        ("p01", "x: `reference` must name a subject with one scan; `p01` has 2"),
    ],
)
def test_references_that_cannot_be(reference, message):
    scans = [subject(p) for p in PERSONS] + [subject("p01-2", subject="p01")]
    with pytest.raises(DataError, match=message):
        make_split(scans, 0, source="x", test=["p03"], reference=reference)


def test_nothing_to_train_on_is_refused():
    with pytest.raises(DataError, match="x: there are no training pairs: every subject is in another split"):
        make_split([subject("a"), subject("b")], 0, source="x", test=["a", "b"])


def test_a_split_without_pairs_is_refused():
    scans = [subject(name) for name in "abc"]
    with pytest.raises(
        DataError, match=r"x: the 1 scan\(s\) of `test` make no pair: pairing `unpaired` needs two subjects"
    ):
        make_split(scans, 0, source="x", test=["b"])
    with pytest.raises(
        DataError, match=r"3 scan\(s\) of `train` make no pair: pairing `paired` needs subjects with two scans"
    ):
        make_split(scans, 0, source="x", pairing="paired")
