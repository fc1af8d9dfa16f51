"""`tfregkit evaluate` from the shell, on a network that was trained for one step."""

import csv

import nibabel as nib
import numpy as np
import pytest
import yaml

from tfregkit.cli.main import run as tfregkit

SHAPE = (11, 13, 9)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with five people `sN.nii.gz`, their labels, a table of pairs, and a run."""
    folder = tmp_path_factory.mktemp("evaluate")
    places = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    for person in range(5):
        radius = np.linalg.norm((places - [5 + 0.3 * person, 6, 4]) / [4, 5, 3], axis=-1)
        labels = (radius < 1).astype(np.int16) + (radius < 0.5)
        nib.save(nib.Nifti1Image((50.0 * labels).astype(np.float32), np.eye(4)), folder / f"s{person}.nii.gz")
        nib.save(nib.Nifti1Image(labels.astype(np.int16), np.eye(4)), folder / f"s{person}_labels.nii.gz")
    header = "moving,fixed,moving_labels,fixed_labels\n"
    line = "s{0}.nii.gz,s{1}.nii.gz,s{0}_labels.nii.gz,s{1}_labels.nii.gz\n"
    (folder / "pairs.csv").write_text(header + line.format(3, 4) + line.format(8, 9))
    (folder / "good.csv").write_text(header + line.format(4, 0))
    (folder / "structures.json").write_text('{"ball": [1, 2]}')
    stage = {
        "name": "registration",
        "data": {
            "dataset": {"name": "nifti", "images": str(folder / "s{subject}.nii.gz"), "test": ["3", "4"]},
            "cache": str(folder / "cache"),
        },
        "model": {"name": "voxelmorph", "encoder_filters": [2, 2], "decoder_filters": [2, 2, 2], "steps": 2},
        "objective": {"terms": {"likeness": {"similarity": "mse"}}},
        "trainer": {"steps": 1},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump({"stages": [stage]}))
    assert tfregkit(["train", str(folder / "small.yaml"), "--run-dir", str(folder / "run")]) == 0
    return folder


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_default_is_the_test_pairs_of_the_run(trained, capsys):
    assert tfregkit(["evaluate", str(trained / "run"), "--pictures", "0"]) == 0
    found = {(r["pair"], r["metric"]) for r in rows(trained / "run" / "evaluation" / "metrics.csv")}
    pairs, metrics = {"3_to_4", "4_to_3"}, {"folds", "sdlogj", "ncc", "seconds"}  # no labels, no points
    assert {metric for _, metric in found} == metrics
    assert {pair for pair, _ in found} == pairs
    assert "folds (%)" in capsys.readouterr().out
    assert not list((trained / "run" / "evaluation").glob("*.png"))


def test_table_with_structures_and_a_bad_pair(trained, tmp_path, capsys):
    words = [
        "--pairs",
        str(trained / "pairs.csv"),
        "--structures",
        str(trained / "structures.json"),
        "--out",
        str(tmp_path),
    ]
    assert tfregkit(["evaluate", str(trained / "run"), *words]) == 1
    assert "s8.nii.gz" in capsys.readouterr().out
    dice = {r["structure"] for r in rows(tmp_path / "metrics.csv") if r["metric"] == "dice"}
    assert dice == {"", "ball"}
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"failures.csv", "metrics.csv", "metrics.json", "s3_to_s4.png", "summary.csv"}


def test_set_chooses_other_metrics_for_one_call(trained, tmp_path):
    words = ["--pairs", str(trained / "good.csv"), "--out", str(tmp_path), "--set", "evaluation.metrics=[ncc]"]
    assert tfregkit(["evaluate", str(trained / "run"), *words]) == 0
    assert {r["metric"] for r in rows(tmp_path / "metrics.csv")} == {"ncc", "seconds"}
    assert yaml.safe_load((trained / "run" / "resolved.yaml").read_text())["evaluation"] is None


def test_both_directions(trained, tmp_path):
    words = ["--pairs", str(trained / "good.csv"), "--out", str(tmp_path), "--directions", "registration,segmentation"]
    assert tfregkit(["evaluate", str(trained / "run"), *words]) == 0
    dice = {r["direction"]: r for r in rows(tmp_path / "metrics.csv") if (r["metric"], r["structure"]) == ("dice", "1")}
    assert list(dice) == ["registration", "segmentation"]
    before = [float(row["before"]) for row in dice.values()]  # one grid, no start: the same overlap from both sides
    assert before[0] == before[1] < 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--directions", "registration,segment"], "evaluation.directions.1: Input should be 'registration' or"),
        (["--directions", "segmentation,segmentation"], "evaluation.directions: a direction is given twice"),
        (["--lambdas", "0.1,0.5"], "`lambdas` needs a network that is conditioned on lambda"),
        (["--lambdas", "0.1,1.5"], "'--lambdas': a lambda must lie in [0, 1]. Received: 1.5"),
        (["--set", "evaluation.lambdas=[0.1, 1.5]"], "evaluation.lambdas.1: Input should be less than or equal to 1"),
        (["--set", "evaluation.lambdas=paper71"], "evaluation.lambdas: "),
        (["--set", "evaluation.metrics=[dcie]"], "Did you mean `dice`"),
        (["--pairs", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["--structures", "nowhere.json"], "nowhere.json: there is no such file"),
    ],
)
def test_wrong_calls_say_what_is_wrong(trained, tmp_path, capsys, words, message):
    assert tfregkit(["evaluate", str(trained / "run"), "--out", str(tmp_path / "out"), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_run_is_named(tmp_path, capsys):
    assert tfregkit(["evaluate", str(tmp_path / "none")]) == 2
    assert "there is no such run" in capsys.readouterr().err
