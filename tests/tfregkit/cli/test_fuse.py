"""The command `fuse`, on a run that is really trained: slices of small volumes."""

import json
import os

import nibabel as nib
import numpy as np
import pytest
from phantoms import Constant
from training_data import SHAPE, SUBJECTS, small_experiment, write_subjects

from tfregkit.cli.main import run
from tfregkit.config.experiment import load_experiment
from tfregkit.config.source import dump
from tfregkit.training.run import Run
from tfregkit.training.train import train


def experiment(folder):
    """A small autoencoder on slices, 60 steps."""
    found = small_experiment(folder)
    (stage,) = found["stages"]
    stage["data"]["crop"] = [11, 13, 1]
    stage["model"] = {"name": "densefuse", "filters": 4, "dense_layers": 2, "decoder_filters": [4]}
    stage["strategy"] = {"name": "reconstruction", "roles": ["fixed"]}
    stage["objective"]["terms"] = {
        "pixels": {"similarity": {"name": "mse"}},
        "structure": {"similarity": {"name": "ssim", "window": [5, 5, 1]}, "weight": 1.0},
    }
    stage["trainer"] |= {"steps": 60, "validate_every": 60, "checkpoint_every": 60}
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuse")
    write_subjects(folder)
    (folder / "c.yaml").write_text(dump(experiment(folder)))
    train(load_experiment(folder / "c.yaml"), folder / "run")
    return folder


@pytest.fixture
def folder(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


def fuse(*words):
    return run(["fuse", "--model", "run", *words])


def array(path):
    return np.asarray(nib.load(path).dataobj)


def image(subject):
    return f"{subject}_image.nii.gz"


def test_a_trained_run_gives_an_image_back_and_fuses_two(folder, capfd):
    one, other = (image(subject) for subject in SUBJECTS[:2])
    assert fuse(one, one, "--out", "same.nii.gz") == 0
    same = array("same.nii.gz")
    assert same.shape == SHAPE
    normalised = np.clip(array(one) - array(one).min(), 0, None)
    assert np.corrcoef(same.ravel(), normalised.ravel())[0, 1] > 0.95
    assert fuse(one, other, "--out", "l1.nii.gz") == 0
    assert fuse(one, other, "--out", "sum.nii.gz", "--rule", "addition") == 0
    assert not np.allclose(array("l1.nii.gz"), array("sum.nii.gz"), atol=0.05)
    story = json.loads((folder / "sum.json").read_text())
    assert (story["rule"], story["second"]["path"]) == ("addition", str(folder / other))
    assert story["run"] == {"path": str(folder / "run")}
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([image("anna"), "far.nii.gz", "--out", "o.nii.gz"], "lie on different grids"),
        ([image("anna"), "none.nii.gz", "--out", "o.nii.gz"], "none.nii.gz: there is no such file"),
        ([image("anna"), image("bert"), "--out", "o.png"], "o.png: an image is written as .nii or .nii.gz"),
        ([image("anna"), image("bert"), "--out", image("bert")], "is an input; it would be overwritten"),
        ([image("anna"), image("bert")], "Missing option '--out'"),
        ([image("anna"), image("bert"), "--out", "o.nii.gz", "--rule", "mean"], "'mean' is not one of"),
        ([image("anna"), "--out", "o.nii.gz"], "Missing argument 'SECOND'"),
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_2(words, message, folder, capfd):
    nib.save(nib.Nifti1Image(np.random.default_rng(1).random(SHAPE), np.diag([2.0, 1, 1, 1])), "far.nii.gz")
    before = set(os.listdir("."))
    assert fuse(*words) == 2
    error = capfd.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert set(os.listdir(".")) == before


def test_a_run_that_codes_no_images_is_refused(folder, monkeypatch, capfd):
    monkeypatch.setattr(Run, "network", lambda self: Constant())
    assert fuse(image("anna"), image("bert"), "--out", "o.nii.gz") == 2
    assert "run: its network does not turn one image into maps and back" in capfd.readouterr().err
