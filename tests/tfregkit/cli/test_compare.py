"""`tfregkit compare` on evaluations that were written by hand."""

import csv
import json

import numpy as np
import pytest
from evaluated_runs import rows, write_evaluation
from matplotlib.image import imread

from tfregkit.cli.main import run as tfregkit
from tfregkit.evaluation.conventions import write_conventions

VALUES = np.array([0.70, 0.60, 0.80, 0.55, 0.65, 0.74, 0.77])
GAINS = {"ncc": 0.0, "mi": 0.02, "mind": 0.05}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with three evaluated runs and one that was not."""
    monkeypatch.chdir(tmp_path)
    for name, gain in GAINS.items():
        lines = rows("dice", {"left": VALUES + gain, "right": VALUES[::-1] + gain}) + rows("folds", {"": 1 - VALUES})
        write_evaluation(tmp_path / name, lines)
    (tmp_path / "raw").mkdir()
    return tmp_path


def compare(*words):
    return tfregkit(["compare", *words])


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_tables_tests_and_plots(folder, capsys):
    assert compare("ncc", "Mutual=mi", "mind/evaluation/metrics.csv", "--out", "out", "--before") == 0
    out = folder / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "compare.csv",
        "compare.json",
        "compare.tex",
        "compare_dice.png",
        "compare_folds.png",
        "tests.csv",
    ]
    lines = table(out / "compare.csv")
    assert {line["run"] for line in lines} == {"before", "ncc", "Mutual", "mind"}
    means = {(line["metric"], line["structure"], line["run"]): float(line["mean"]) for line in lines}
    assert means["dice", "left", "mind"] == pytest.approx(VALUES.mean() + 0.05, abs=1e-5)
    assert means["dice", "", "before"] == pytest.approx(VALUES.mean() / 2, abs=1e-5)
    tests = table(out / "tests.csv")
    assert [(line["test"], line["first"], line["second"]) for line in tests if line["metric"] == "dice"] == [
        ("friedman", "", ""),
        ("wilcoxon", "ncc", "Mutual"),
        ("wilcoxon", "ncc", "mind"),
        ("wilcoxon", "Mutual", "mind"),
    ]
    assert {line["p"] for line in tests if line["metric"] == "folds"} == {"1"}  # no difference
    assert imread(out / "compare_dice.png").shape[1] > 400
    assert "\\begin{tabular}" in (out / "compare.tex").read_text()
    shown = capsys.readouterr().out
    assert "dice ↑" in shown
    assert "ncc → Mutual" in shown


def test_what_was_measured_with_what_goes_on_to_the_table(folder, capsys):
    for name, scheme in (("ncc", "central"), ("mi", "central"), ("mind", "forward")):
        write_conventions(folder / name / "evaluation/metrics.csv", {"folds": {"name": "folds", "scheme": scheme}})
    for name in GAINS:
        write_evaluation(folder / name, rows("dice", {"": VALUES}) + rows("folds", {"": 1 - VALUES}))
    assert compare("ncc", "mi", "--before", "--out", "out") == 0
    said = json.loads((folder / "out/compare.json").read_text())["metrics"]
    assert said == {"folds": {"name": "folds", "scheme": "central"}}
    assert compare("ncc", "mi", "mind", "--out", "other") == 0
    assert "folds: left out, for it was not measured alike: scheme central in ncc" in capsys.readouterr().out
    assert compare("ncc", "mind", "--metric", "folds", "--out", "third") == 2
    assert "scheme central in ncc, scheme forward in mind" in " ".join(capsys.readouterr().err.split())
    assert not (folder / "third").exists()


def test_one_metric_against_a_reference(folder, capsys):
    assert compare("ncc", "mi", "mind", "--metric", "dice", "--reference", "mind", "--out", "out") == 0
    assert [line["first"] for line in table(folder / "out" / "tests.csv")] == ["", "mind", "mind"]
    assert not (folder / "out" / "compare_folds.png").exists()
    assert "differs from mind" in (folder / "out" / "compare.tex").read_text()


def test_one_run_has_its_table_and_plots_and_no_tests(folder, capsys):
    assert compare("ncc", "mi", "--out", "out") == 0
    assert compare("ncc", "--out", "out") == 0
    assert not (folder / "out" / "tests.csv").exists()  # of the earlier call
    assert {line["run"] for line in table(folder / "out" / "compare.csv")} == {"ncc"}


def test_what_is_left_out_is_told(folder, capsys):
    write_evaluation(folder / "short", rows("dice", {"left": VALUES[:3]}, pairs=["a_to_b", "a_to_c", "x_to_y"]))
    assert compare("ncc", "short", "--out", "out") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "folds: left out, for it is not in short" in shown
    assert "dice: 6 of 8 pairs are not in every run and are left out" in shown
    assert "dice: 1 of 2 structures are not in every run and are left out: right" in shown
    assert "dice: with 2 pairs the smallest exact p is 0.5: no difference can reach 0.05" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing argument '[LABEL=]RUN...'"),
        (["nowhere"], "nowhere: there is no such run, folder or file"),
        (["raw"], "raw: has neither evaluation/metrics.csv nor metrics.csv. Measure the run first"),
        (["ncc", "x=ncc"], "metrics.csv: is given 2 times"),
        (["a=ncc", "a=mi"], "2 runs have the label `a`"),
        (["ncc", "mi", "--metric", "dise"], "has no metric `dise`. Did you mean `dice`"),
        (["ncc", "mi", "--reference", "nccc"], "the reference `nccc` is none of the runs. Did you mean `ncc`"),
        (["ncc", "mi", "--direction", "segmentation"], "has no rows of direction segmentation"),
        (["before=ncc", "mi", "--before"], "a run has the label `before`, which --before needs"),
        (["ncc", "--lambda", "2"], "2.0 is not in the range 0<=x<=1"),
    ],
)
def test_wrong_calls_are_one_message_and_write_nothing(folder, capsys, words, message):
    assert compare(*words, "--out", "out") == 2
    error = " ".join(capsys.readouterr().err.split())
    assert message in error
    assert "Traceback" not in error
    assert not (folder / "out").exists()


def test_where_it_goes_must_be_said(folder, capsys):
    assert compare("ncc", "mi") == 2
    assert "Missing option '--out'" in capsys.readouterr().err
