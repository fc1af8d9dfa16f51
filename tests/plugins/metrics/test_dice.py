"""`dice` against a voxel loop, and its conventions for structures that are missing."""

import json
import math

import numpy as np
import pytest
from references.cases import case
from references.metrics import dice as reference

from tfregkit.api import DataError
from tfregkit_plugins.metrics.dice import Dice


def test_each_label_is_a_structure_and_the_mean_leaves_out_the_background():
    pair = case()
    values = Dice()(pair)
    expected = {str(k): reference(pair.fixed_labels, pair.moved_labels, {k}) for k in (1, 2, 3, 4)}
    assert {k: v for k, v in values.items() if k} == pytest.approx(expected)
    assert values[""] == pytest.approx(np.mean(list(expected.values())))


@pytest.mark.parametrize("offset", [0, 100_000, -7])
def test_merged_structures_may_overlap_and_take_any_label_value(offset):
    pair = case()
    maps = ("fixed_labels", "moving_labels", "moved_labels")
    shifted = case(**{name: getattr(pair, name) + offset for name in maps})
    values = Dice(labels={"left": [1 + offset, 2 + offset], "both": [2 + offset, 3 + offset, 4 + offset]})(shifted)
    assert values["left"] == pytest.approx(reference(pair.fixed_labels, pair.moved_labels, {1, 2}))
    assert values["both"] == pytest.approx(reference(pair.fixed_labels, pair.moved_labels, {2, 3, 4}))
    assert values[""] == pytest.approx((values["left"] + values["both"]) / 2)


def test_a_structure_that_a_scan_does_not_have_has_no_value_and_one_that_was_lost_has_zero():
    fixed, moving, moved = (np.zeros((5, 7, 3), np.int32) for _ in range(3))
    fixed[1:3], moving[2:4], moved[1:3] = 1, 1, 1
    fixed[4], moving[4] = 2, 2
    fixed[0, :3] = 3
    moving[0, 3:], moved[0, 3:] = 4, 4
    names = {"same": [1], "lost": [2], "only fixed": [3], "only moving": [4], "nowhere": [9], "partly": [1, 9]}
    values = Dice(labels=names)(case(fixed_labels=fixed, moving_labels=moving, moved_labels=moved))
    assert (values["same"], values["lost"], values["partly"]) == (1.0, 0.0, 1.0)
    assert all(math.isnan(values[name]) for name in ("only fixed", "only moving", "nowhere"))
    assert values[""] == pytest.approx(2 / 3)
    each = Dice()(case(fixed_labels=fixed, moving_labels=moving, moved_labels=moved))
    assert {name for name, value in each.items() if math.isnan(value)} == {"3", "4"}
    assert each[""] == 0.5


def test_pair_without_labels_has_no_value():
    assert Dice()(case(fixed_labels=None)) == {}


def test_before_looks_at_the_labels_before_registration():
    pair = case()
    before = Dice()(pair.before())
    assert before["2"] == pytest.approx(reference(pair.fixed_labels, pair.moving_labels, {2}))
    assert before["2"] != Dice()(pair)["2"]


def test_structures_are_read_from_json(tmp_path):
    path = tmp_path / "structures.json"
    path.write_text(json.dumps({"left": [1, 2], "right": 3}))
    pair = case()
    assert Dice(structures=path)(pair) == Dice(labels={"left": [1, 2], "right": 3})(pair)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "expected a mapping"),
        ('{"a": ["x"]}', "structure `a` needs one or more"),
    ],
)
def test_bad_structures_file_is_named(tmp_path, text, message):
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"s\.json: {message}"):
        Dice(structures=path)


def test_missing_structures_file_and_both_ways_at_once(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        Dice(structures=tmp_path / "none.json")
    with pytest.raises(ValueError, match="`structures` .* or `labels` .* not both"):
        Dice(structures=tmp_path / "none.json", labels={"a": [1]})
