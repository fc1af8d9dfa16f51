"""The command `segment` with a run whose network segments."""

import csv
import json
import os

import nibabel as nib
import numpy as np
import pytest
from levels import Levels
from phantoms import Constant
from world_grids import GRIDS

from tfregkit.cli.main import run
from tfregkit.data.volume import write_volume
from tfregkit.inference import registration as module
from tfregkit.inference.registration import Registration
from tfregkit.inference.segmenter import Segmenter


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two images of three intensities; `runs/x` segments by intensity, `runs/y` registers."""
    monkeypatch.chdir(tmp_path)
    runs = {"runs/x": Segmenter(Levels(), 1.0, about={"path": "runs/x"}), "runs/y": Registration(Constant(), 1.0)}
    monkeypatch.setattr(module, "load_run", lambda path: runs[str(path)])
    for seed, name in enumerate("ab"):
        classes = np.random.default_rng(seed).integers(0, 3, GRIDS["ras"].shape)
        write_volume(f"{name}.nii.gz", classes.astype(np.uint8) * 50, GRIDS["ras"])
    (tmp_path / "broken.nii.gz").write_bytes(b"nonsense")
    return tmp_path


def segment(*words, model="runs/x"):
    return run(["segment", "--model", model, *words])


def array(path):
    return np.asarray(nib.load(path).dataobj)


def test_every_image_gets_its_label_map(folder, capfd):
    assert segment("a.nii.gz", "broken.nii.gz", "b.nii.gz", "--out-dir", "o", "--votes", "--tile", "16") == 1
    for name in "ab":
        classes = array(f"{name}.nii.gz") // 50
        np.testing.assert_array_equal(array(f"o/{name}_segmentation.nii.gz"), np.array([0, 12, -7])[classes])
        assert array(f"o/{name}_votes.nii.gz").min() > 0.99
    with open("o/segmentations.csv") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done", "failed", "done"]
    told = capfd.readouterr()
    assert "2 of 3 images segmented: o" in told.out
    assert "broken: " in told.err


def test_windows_of_a_run_that_was_trained_on_crops(folder, monkeypatch):
    """They are the default, share half, and may be blended by bells."""
    cropped = Segmenter(Levels(), 1.0, crop=(12, 16, 16))
    monkeypatch.setattr(module, "load_run", lambda path: cropped)
    assert segment("a.nii.gz", "--out-dir", "o", "--tile-weights", "gaussian") == 0
    tiles = json.loads((folder / "o" / "a_segmentation.json").read_text())["tiles"]
    assert (tiles["size"], tiles["weights"]) == ([12, 16, 16], "gaussian")
    assert all(found >= least for found, least in zip(tiles["overlap"], (4, 8, 8), strict=True))
    np.testing.assert_array_equal(array("o/a_segmentation.nii.gz"), np.array([0, 12, -7])[array("a.nii.gz") // 50])


def test_a_table_of_images(folder):
    (folder / "images.csv").write_text("image,id\na.nii.gz,first\nb.nii.gz,second\n")
    assert segment("--images", "images.csv", "--out-dir", "o") == 0
    assert {"first_segmentation.nii.gz", "second_segmentation.nii.gz"} < set(os.listdir("o"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--atlas", "a.nii.gz", "--atlas-labels", "b.nii.gz"], "Leave out: --atlas, --atlas-labels."),
        (["--lambda", "0.1", "--refine", "3"], "Leave out: --lambda, --refine."),
        (["--affine", "--weights", "similarity"], "Leave out: --weights, --affine."),
        (["--tile", "8", "--stitcher", "runs/z"], "Leave out: --stitcher."),
    ],
)
def test_options_for_atlases_are_refused(words, said, folder, capfd):
    assert segment("a.nii.gz", *words, "--out-dir", "o") == 2
    assert f"segments by itself and registers no atlases. {said}" in " ".join(capfd.readouterr().err.split())
    assert not os.path.exists("o")


def test_a_run_that_registers_still_needs_atlases(folder, capfd):
    assert segment("a.nii.gz", "--out-dir", "o", model="runs/y") == 2
    assert (
        "runs/y: its network does not segment, so it needs labelled atlases to register. Give --atlas with "
        in capfd.readouterr().err
    )


def test_a_run_that_segments_registers_nothing(folder, capfd):
    assert run(["register", "--model", "runs/x", "a.nii.gz", "b.nii.gz", "--moved", "m.nii.gz"]) == 2
    assert "its network segments single images and registers none" in capfd.readouterr().err
