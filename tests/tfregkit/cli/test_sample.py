"""The command `sample`, with a fake network behind the run."""

import csv
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from drawing import Drawing
from phantoms import Constant, fixed_image, moving_image
from training_data import small_experiment
from world_grids import GRIDS, grid

import tfregkit
from tfregkit.cli.main import run
from tfregkit.config.experiment import load_experiment
from tfregkit.config.source import dump
from tfregkit.data.tables import read_scans
from tfregkit.data.volume import write_volume
from tfregkit.inference import registration as module
from tfregkit.inference.registration import Registration
from tfregkit.training.run import Run

FAR = grid((11, 11, 11), np.eye(3), (1.0, 1.0, 1.0), centre=(900.0, 0.0, 0.0))
ATLAS = ["--atlas", "a.nii.gz", "--labels", "a_l.nii.gz"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An atlas `a` with labels `a_l`, targets `t1`, `t2`, `far`; the run is a network that draws half a voxel."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_run", lambda path: Registration(Drawing(), 2.0, about={"path": str(path)}))
    atlas, fixed = moving_image(GRIDS["las"], np.eye(4)), fixed_image(GRIDS["oblique"])
    labels = np.where(atlas.data > 50, 4, 0) + np.where(atlas.data > 100, 300, 0)
    for name, data, on in (
        ("a", np.rint(atlas.data).astype(np.uint8), atlas.grid),
        ("a_l", labels.astype(np.int16), atlas.grid),
        ("t1", fixed.data, fixed.grid),
        ("t2", fixed.data + 1.0, fixed.grid),
        ("far", np.random.default_rng(0).normal(size=FAR.shape).astype(np.float32), FAR),
    ):
        write_volume(f"{name}.nii.gz", data, on)
    return tmp_path


def sample(*words):
    return run(["sample", "--model", "runs/x", *words])


def array(path):
    return np.asarray(nib.load(path).dataobj)


def test_samples_can_be_read_as_a_data_set_and_made_again(folder, capfd):
    assert sample("t1.nii.gz", "t2.nii.gz", *ATLAS, "-n", "5", "--seed", "7", "--out-dir", "o/s") == 0
    names = [f"sample{k:04d}" for k in range(1, 6)]
    files = {f"{name}_{kind}.nii.gz" for name in names for kind in ("image", "labels")}
    assert set(os.listdir("o")) == {"s"}
    assert set(os.listdir("o/s")) == files | {"samples.csv", "samples.json"}
    rows = list(csv.DictReader((folder / "o/s/samples.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == names
    assert sorted(row["target"] for row in rows) in (["t1", "t1", "t1", "t2", "t2"], ["t1", "t1", "t2", "t2", "t2"])
    assert len({row["seed"] for row in rows}) == 5
    assert len({row["jacobian_min"] for row in rows}) == 5
    assert all(float(row["folds_percent"]) >= 0 and float(row["displacement_mean_mm"]) > 0.5 for row in rows)
    for row in rows:
        assert nib.load(f"o/s/{row['image']}").get_data_dtype() == np.uint8
        assert set(np.unique(array(f"o/s/{row['labels']}"))) <= {0, 4, 304}
    story = json.loads((folder / "o/s/samples.json").read_text())
    assert (story["number"], story["seed"], story["scale"], story["run"]) == (5, 7, 1.0, {"path": "runs/x"})
    assert (story["atlas_role"], story["lambda"]) == ("moving", None)
    assert story["atlas"]["labels"]["path"].endswith("a_l.nii.gz")
    assert "5 samples: o/s" in capfd.readouterr().out

    by_table = [scan for scan, _ in read_scans(folder / "o/s/samples.csv")]
    pattern = {"images": "o/s/{subject}_image.nii.gz", "labels": "o/s/{subject}_labels.nii.gz", "validation": names[:2]}
    by_name = tfregkit.build("dataset", "nifti", **pattern).split(0).validation[0].moving
    assert (by_name.image, by_name.labels) == (by_table[0].image, by_table[0].labels)

    assert sample("t1.nii.gz", "t2.nii.gz", *ATLAS, "-n", "5", "--seed", "7", "--out-dir", "again") == 0
    assert sample("t1.nii.gz", "t2.nii.gz", *ATLAS, "-n", "5", "--seed", "8", "--out-dir", "other") == 0
    for name in files:
        np.testing.assert_array_equal(array(f"o/s/{name}"), array(f"again/{name}"))
        assert not np.array_equal(array(f"o/s/{name}"), array(f"other/{name}"))
    assert (folder / "again/samples.csv").read_text() == (folder / "o/s/samples.csv").read_text()


def test_scale_0_gives_what_register_gives(folder):
    on_atlas = ["--moved", "m.nii.gz", "--moving-labels", "a_l.nii.gz", "--moved-labels", "l.nii.gz"]
    write_volume("t3.nii.gz", fixed_image(GRIDS["las"]).data, GRIDS["las"])
    assert sample("t3.nii.gz", *ATLAS, "-n", "2", "--scale", "0", "--out-dir", "o") == 0
    assert run(["register", "--model", "runs/x", "a.nii.gz", "t3.nii.gz", *on_atlas]) == 0
    for name in ("sample0001", "sample0002"):
        np.testing.assert_array_equal(array(f"o/{name}_image.nii.gz"), array("m.nii.gz"))
        np.testing.assert_array_equal(array(f"o/{name}_labels.nii.gz"), array("l.nii.gz"))


@pytest.mark.parametrize(("role", "targets"), [("moving", {"t2"}), ("fixed", {"t1", "t2"})])
def test_targets_are_those_the_run_was_trained_on(role, targets, folder):
    """The fixed ones, or the moving ones, without the atlas itself and without those who validate."""
    rows = ["moving,fixed,split", "t1.nii.gz,t2.nii.gz,train", "t2.nii.gz,a.nii.gz,train", "a.nii.gz,t2.nii.gz,train"]
    (folder / "pairs.csv").write_text("\n".join([*rows, "far.nii.gz,far.nii.gz,validation"]))
    experiment = small_experiment(folder)
    experiment["stages"][0]["data"]["dataset"] = {"name": "nifti", "table": str(folder / "pairs.csv")}
    (folder / "c.yaml").write_text(dump(experiment))
    Run.create(folder / "runs/x", load_experiment(folder / "c.yaml"))
    assert sample(*ATLAS, "-n", "4", "--atlas-role", role, "--out-dir", "o") == 0
    rows = csv.DictReader((folder / "o/samples.csv").read_text().splitlines())
    assert {row["target"] for row in rows} == targets


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["t1.nii.gz", "--atlas", "a.nii.gz"], "Missing option '--labels'"),
        (["t1.nii.gz", "--atlas", "a.nii.gz", "--labels", "t1.nii.gz"], "a label map needs whole numbers"),
        (["t1.nii.gz", "--atlas", "t1.nii.gz", "--labels", "a_l.nii.gz"], "lies on another grid than its image"),
        (["t1.nii.gz", "none.nii.gz", *ATLAS], "none.nii.gz: there is no such file"),
        (["t1.nii.gz", "far.nii.gz", *ATLAS], "do not overlap in the world"),
        (["a.nii.gz", *ATLAS], "a.nii.gz: there is no other image to deform it towards"),
        (["t1.nii.gz", *ATLAS, "--scale", "-1"], "-1.0 is not in the range x>=0"),
        (["t1.nii.gz", *ATLAS, "--scale", "nan"], "`scale` must be a number of at least 0. Received: scale=nan"),
        (["t1.nii.gz", *ATLAS, "-n", "0"], "0 is not in the range x>=1"),
        (["t1.nii.gz", *ATLAS, "--lambda", "0.5"], "takes no `--lambda`"),
        ([*ATLAS], "runs/x: there is no such run"),
    ],
)
def test_a_wrong_call_is_one_message_exit_code_2_and_no_file(words, message, folder, capfd):
    before = set(os.listdir("."))
    assert sample(*words, "--out-dir", "o") == 2
    error = capfd.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert set(os.listdir(".")) == before


def test_a_run_that_draws_nothing_is_refused(folder, monkeypatch, capfd):
    monkeypatch.setattr(module, "load_run", lambda path: Registration(Constant(), 2.0, about={"path": str(path)}))
    assert sample("t1.nii.gz", *ATLAS, "--out-dir", "o") == 2
    assert "runs/x: its network gives one field and no distribution" in capfd.readouterr().err
    assert not Path("o").exists()


def test_a_folder_that_holds_something_is_left_alone(folder, capfd):
    Path("o").mkdir()
    assert sample("t1.nii.gz", *ATLAS, "-n", "1", "--out-dir", "o") == 0  # it was empty
    before = array("o/sample0001_image.nii.gz")
    assert sample("t1.nii.gz", *ATLAS, "-n", "1", "--seed", "3", "--out-dir", "o") == 2
    assert "o: exists already, and samples of two calls would mix" in capfd.readouterr().err
    np.testing.assert_array_equal(array("o/sample0001_image.nii.gz"), before)
