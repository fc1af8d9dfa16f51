"""Folds and fractions of the persons of a split."""

from collections import Counter

import pytest
from scan_files import subject

from tfregkit.data.folds import with_fold, with_fraction
from tfregkit.data.splits import make_split
from tfregkit.errors import DataError

ASSIGNED = {f"p{i:02d}": part for i, part in enumerate(["train"] * 11 + ["validation"] * 3 + ["test"] * 5)}


def members(assigned, part):
    return {person for person, own in assigned.items() if own == part}


@pytest.mark.parametrize("count", [2, 5, 19])
def test_everybody_is_tested_once_and_nobody_is_in_two_splits(count):
    folds = [with_fold(ASSIGNED, (number, count), 3, source="x") for number in range(1, count + 1)]
    tested = Counter(person for fold in folds for person in members(fold, "test"))
    assert tested == dict.fromkeys(ASSIGNED, 1)
    sizes = [len(members(fold, "test")) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    for fold in folds:
        assert set(fold) == set(ASSIGNED)
        assert len(members(fold, "validation")) == 3
    assert len({frozenset(members(fold, "validation")) for fold in folds}) > 1


def test_the_seed_decides_and_the_order_does_not():
    one = with_fold(ASSIGNED, (2, 5), 3, source="x")
    assert with_fold(dict(reversed(ASSIGNED.items())), (2, 5), 3, source="x") == one
    assert with_fold(ASSIGNED, (2, 5), 4, source="x") != one


def test_folds_that_there_are_not():
    with pytest.raises(DataError, match="x: 20 folds of 19 subjects: at least one is tested in each"):
        with_fold(ASSIGNED, (1, 20), 0, source="x")
    few = dict.fromkeys("abc", "validation") | {"d": "train"}
    with pytest.raises(DataError, match="x: fold 1 of 2 leaves 2 subjects, and 3 of them are to validate"):
        with_fold(few, (1, 2), 0, source="x")


def test_fractions_are_nested_and_leave_the_other_splits_alone():
    fractions = {share: with_fraction(ASSIGNED, share, 5) for share in (0.01, 0.05, 0.15, 0.5, 1.0)}
    counts = [len(members(found, "train")) for found in fractions.values()]
    assert counts == [1, 1, 2, 6, 11]  # of 11: max(1, round(0.15 * 11)) = 2, round(5.5) = 6
    nested = [members(found, "train") for found in fractions.values()]
    assert all(small <= large for small, large in zip(nested, nested[1:], strict=False))
    for found in fractions.values():
        for part in ("validation", "test"):
            assert members(found, part) == members(ASSIGNED, part)
    assert len({frozenset(members(with_fraction(ASSIGNED, 0.15, seed), "train")) for seed in range(5)}) > 1


def test_scans_of_one_person_stay_in_one_fold_and_extra_scans_train():
    scans = [subject(f"{person}-{time}", subject=person) for person in ASSIGNED for time in (1, 2)]
    extra = [subject("sample")]
    how = {"source": "x", "pairing": "single", "validation": 0.1, "extra": extra}
    split = make_split(scans, 7, fold=(2, 4), train_fraction=0.3, **how)
    parts = [{pair.fixed.subject for pair in part} for part in (split.train, split.validation, split.test)]
    assert [len(part) for part in parts] == [4 + 1, 2, 5]  # of 19: 5 tested, 2 validate, 0.3 of 12 train
    assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])
    assert "sample" in parts[0]
    assert len(split.test) == 2 * len(parts[2])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"fold": [6, 5]}, r"`fold` is \[number, how many\]"),
        ({"fold": [1, 1]}, "greater than or equal to 2"),
        ({"train_fraction": 0}, "greater than 0"),
        ({"train_fraction": 1.5}, "less than or equal to 1"),
    ],
)
def test_keys_of_a_data_set_that_cannot_be(keys, said, tmp_path):
    import tfregkit
    from tfregkit.errors import ConfigError

    with pytest.raises(ConfigError, match=said):
        tfregkit.build("dataset", "nifti", images=str(tmp_path / "*.nii.gz"), **keys)
