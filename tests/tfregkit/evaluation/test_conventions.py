"""What numbers were measured with: spelled out, beside the table, and in what two differ."""

import pytest

from tfregkit.evaluation.conventions import disagreement, parameters, read_conventions, write_conventions
from tfregkit.evaluation.settings import EvaluationSettings


def spelled(metric):
    (spec,) = EvaluationSettings(metrics=[metric]).metrics
    return parameters(spec)


def test_structures_are_alike_however_they_are_given(tmp_path):
    (tmp_path / "s.json").write_text('{"caudate": [50, 11], "brain_stem": 16}')
    file = spelled({"name": "hd", "structures": str(tmp_path / "s.json")})
    assert file == spelled({"name": "hd", "labels": {"brain_stem": [16], "caudate": [11, 50]}})
    assert file["convention"] == "voxel"
    assert spelled("hd")["labels"] is None
    assert disagreement({"a": file, "b": spelled("hd")}) == "`labels` is not the same in a, b"


def test_a_table_has_its_own_parameters_or_none(tmp_path):
    table = tmp_path / "new" / "metrics.csv"
    write_conventions(table, {"folds": {"scheme": "central"}}, registration={"refine": 0})
    assert read_conventions(table) == {"folds": {"scheme": "central"}}
    table.write_text("pair\n")
    write_conventions(table, {"folds": {"scheme": "forward"}})
    assert not table.exists()  # its rows were the earlier ones
    assert read_conventions(table) == {"folds": {"scheme": "forward"}}


@pytest.mark.parametrize("text", [None, "", "[1]", "{}", '{"metrics": 3}', '{"metrics": {"folds": 3}}', "\xff"])
def test_what_is_no_such_file_says_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / "other.json").write_text(text, encoding="latin-1")
    assert read_conventions(tmp_path / "other.csv") == {}


def test_in_what_runs_differ():
    a = {"name": "ncc", "window": None, "region": "all", "radius": 2}
    assert disagreement({"a": a}) == ""
    assert disagreement({}) == ""
    assert disagreement({"a": a, "old": {"name": "ncc", "window": None}}) == ""  # what it does not have is unknown
    b = {**a, "window": 9, "region": "mask"}
    assert disagreement({"a": a, "b": b, "c": a}) == (
        "window null in a, window 9 in b, window null in c; region all in a, region mask in b, region all in c"
    )
