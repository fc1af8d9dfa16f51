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
    shifted = case(fixed_labels=pair.fixed_labels + offset, moved_labels=pair.moved_labels + offset)
    values = Dice(labels={"left": [1 + offset, 2 + offset], "both": [2 + offset, 3 + offset, 4 + offset]})(shifted)
    assert values["left"] == pytest.approx(reference(pair.fixed_labels, pair.moved_labels, {1, 2}))
    assert values["both"] == pytest.approx(reference(pair.fixed_labels, pair.moved_labels, {2, 3, 4}))
    assert values[""] == pytest.approx((values["left"] + values["both"]) / 2)


def test_structure_in_neither_map_has_no_value_and_in_one_map_has_zero():
    fixed, moved = np.zeros((5, 7, 3), np.int32), np.zeros((5, 7, 3), np.int32)
    fixed[1:3], moved[1:3], fixed[4] = 1, 1, 2
    values = Dice(labels={"same": [1], "lost": [2], "nowhere": [9]})(case(fixed_labels=fixed, moved_labels=moved))
    assert (values["same"], values["lost"]) == (1.0, 0.0)
    assert math.isnan(values["nowhere"])
    assert values[""] == 0.5


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
