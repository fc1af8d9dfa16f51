"""Runs are compared on the pairs, structures and values that all of them have, and the rest is told."""

import math
from pathlib import Path

import numpy as np
import pytest
from evaluated_runs import PAIRS, rows

from tfregkit.errors import DataError
from tfregkit.evaluation.compared import Compared
from tfregkit.evaluation.matching import match

LEFT = [0.50, 0.61, 0.72, 0.83, 0.94, 0.45, 0.36]
RIGHT = [0.40, 0.31, 0.22, 0.13, 0.04, 0.95, 0.86]


def run(label, lines):
    return Compared(label, Path(f"{label}.csv"), lines)


def test_what_all_have_is_kept_as_it_is():
    one = run("one", rows("dice", {"": [0.9] * 7, "left": LEFT, "right": RIGHT}))
    two = run("two", rows("dice", {"right": LEFT, "left": RIGHT}))
    found = match([one, two], "dice")
    assert (found.pairs, found.structures, found.notes) == (list(PAIRS), ["left", "right"], [])
    np.testing.assert_array_equal(found.values["one"][""], 0.9)  # the run's own, whatever it is
    np.testing.assert_array_equal(found.values["two"]["left"], RIGHT)


def test_pairs_are_matched_by_name_and_others_left_out():
    one = run("one", rows("dice", {"left": LEFT}))
    two = run("two", rows("dice", {"left": LEFT[4::-1]}, pairs=PAIRS[4::-1]))
    found = match([one, two], "dice")
    assert found.pairs == list(PAIRS[:5])
    np.testing.assert_array_equal(found.values["one"]["left"], found.values["two"]["left"])
    assert found.notes == ["2 of 7 pairs are not in every run and are left out: c_to_b, d_to_a"]
    many = run("many", rows("dice", {"left": LEFT[:1] * 20}, pairs=["a_to_b", *map(str, range(19))]))
    assert match([one, many], "dice").notes[0].endswith("25 of 26 pairs are not in every run and are left out: "
                                                        "a_to_c, b_to_a, b_to_c, c_to_a, c_to_b, ...")  # fmt: skip


def test_the_mean_is_over_the_structures_that_all_have():
    one = run("one", rows("dice", {"left": LEFT, "right": RIGHT}))
    two = run("two", rows("dice", {"left": LEFT}))
    found = match([one, two], "dice")
    assert found.structures == ["left"]
    np.testing.assert_array_equal(found.values["one"][""], LEFT)
    assert found.notes == ["1 of 2 structures are not in every run and are left out: right"]


def test_a_value_that_one_run_lacks_counts_in_none():
    gaps = [math.nan, math.nan, *RIGHT[2:]]
    one = run("one", rows("hd", {"left": LEFT, "right": RIGHT}))
    two = run("two", rows("hd", {"left": LEFT, "right": gaps}))
    found = match([one, two], "hd")
    for values in found.values.values():
        assert np.isnan(values["right"]).tolist() == [True, True] + 5 * [False]
        np.testing.assert_allclose(values[""][:2], LEFT[:2])
        np.testing.assert_allclose(values[""][2:], np.mean([LEFT[2:], RIGHT[2:]], axis=0))
    (note,) = found.notes
    assert note.startswith("2 of 14 values of structures are undefined in some run")
    assert note.endswith("left out of all (two: 2)")


def test_what_no_run_has_is_no_difference():
    """Labels are structures here, and a pair has no row for a label that neither of its maps has."""
    lines = [
        row for row in rows("hd", {"left": LEFT, "right": RIGHT}) if (row.pair, row.structure) != (PAIRS[3], "left")
    ]
    found = match([run("one", lines), run("two", lines)], "hd")
    assert found.notes == []
    assert np.isnan(found.values["one"]["left"]).tolist() == [k == 3 for k in range(7)]


def test_metrics_of_whole_pairs():
    one = run("one", rows("folds", {"": LEFT}) + rows("dice", {"left": LEFT}))
    two = run("two", rows("folds", {"": [math.nan, *RIGHT[1:]]}))
    found = match([one, two], "folds")
    assert found.structures == []
    assert all(np.isnan(values[""][0]) for values in found.values.values())
    np.testing.assert_array_equal(found.values["one"][""][1:], LEFT[1:])


def test_a_pair_in_which_nothing_is_left_has_no_value():
    one = run("one", rows("hd", {"left": [math.nan, *LEFT[1:]]}))
    two = run("two", rows("hd", {"left": LEFT}))
    assert np.isnan(match([one, two], "hd").values["two"][""]).tolist() == [True] + 6 * [False]


def test_nothing_in_common():
    one = run("one", rows("dice", {"left": LEFT}))
    with pytest.raises(DataError, match="dice: the runs have no pair in common"):
        match([one, run("two", rows("dice", {"left": LEFT}, pairs=[f"x{k}" for k in range(7)]))], "dice")
    with pytest.raises(DataError, match=r"dice: .* no structure in common \(one: left; two: 4\). .* `--structures`"):
        match([one, run("two", rows("dice", {"4": LEFT}))], "dice")
