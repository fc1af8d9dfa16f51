"""The command `segment`, with a fake network behind the run."""

import csv
import json
import os

import nibabel as nib
import numpy as np
import pytest
from conditioned import small_network
from phantoms import Constant, fixed_image, moving_image
from world_grids import GRIDS, grid

from tfregkit.cli.main import run
from tfregkit.data.volume import write_volume
from tfregkit.inference import registration as module
from tfregkit.inference.registration import Registration

FAR = grid((11, 11, 11), np.eye(3), (1.0, 1.0, 1.0), centre=(900.0, 0.0, 0.0))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two images `f`, `far`, two atlases `a`, `b` with labels `a_l`, `b_l`; the run is a network that does nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_run", lambda path: Registration(Constant(), 2.0, about={"path": str(path)}))
    atlas, fixed = moving_image(GRIDS["las"], np.eye(4)), fixed_image(GRIDS["oblique"])
    labels = np.where(atlas.data > 50, 4, 0) + np.where(atlas.data > 100, 300, 0)
    for name, data, on in (
        ("f", fixed.data, fixed.grid),
        ("far", np.random.default_rng(0).normal(size=FAR.shape).astype(np.float32), FAR),
        ("a", atlas.data, atlas.grid),
        ("b", atlas.data + 1.0, atlas.grid),
        ("a_l", labels.astype(np.int16), atlas.grid),
        ("b_l", (4 * (labels > 0)).astype(np.uint8), atlas.grid),
        ("f_l", np.ones(fixed.grid.shape, np.uint8), fixed.grid),
        ("zero", np.zeros(atlas.grid.shape, np.uint8), atlas.grid),
    ):
        write_volume(f"{name}.nii.gz", data, on)
    (tmp_path / "broken.nii.gz").write_bytes(b"nonsense")
    return tmp_path


ONE = ["--atlas", "a.nii.gz", "--atlas-labels", "a_l.nii.gz"]
TWO = [*ONE, "--atlas", "b.nii.gz", "--atlas-labels", "b_l.nii.gz"]


def segment(*words):
    return run(["segment", "--model", "runs/x", *words])


def array(path):
    return np.asarray(nib.load(path).dataobj)


def test_one_atlas_gives_what_register_gives(folder, capfd):
    assert segment("f.nii.gz", *ONE, "--out-dir", "o", "--init", "moments") == 0
    assert sorted(os.listdir("o")) == ["f_segmentation.json", "f_segmentation.nii.gz", "segmentations.csv"]
    labels = ["--moving-labels", "a_l.nii.gz", "--moved-labels", "moved.nii.gz", "--init", "moments"]
    assert run(["register", "--model", "runs/x", "a.nii.gz", "f.nii.gz", *labels]) == 0
    np.testing.assert_array_equal(array("o/f_segmentation.nii.gz"), array("moved.nii.gz"))
    assert set(np.unique(array("moved.nii.gz"))) == {0, 4, 304}
    assert nib.load("o/f_segmentation.nii.gz").get_data_dtype() == np.int16
    assert json.loads((folder / "o/f_segmentation.json").read_text())["run"] == {"path": "runs/x"}
    told = capfd.readouterr().out
    assert "1 of 1 images segmented: o" in told
    assert "no voxel got" not in told


def test_two_atlases_vote_and_what_was_lost_is_told(folder, capfd):
    assert segment("f.nii.gz", *TWO, "--out-dir", "o", "--votes") == 0
    labels, share = array("o/f_segmentation.nii.gz"), array("o/f_votes.nii.gz")
    assert set(np.unique(labels)) == {0, 4}  # 304 against 4 is a tie
    assert set(np.unique(share)) == {0.5, 1.0}
    assert "  labels that no voxel got: 304\n" in capfd.readouterr().out
    (row,) = csv.DictReader((folder / "o/segmentations.csv").read_text().splitlines())
    assert (row["image"], row["status"]) == ("f", "done")
    assert row["message"].endswith("304")


def test_weights_reach_the_votes(folder):
    assert segment("f.nii.gz", *TWO, "--out-dir", "o", "--weights", "similarity", "--votes") == 0
    assert json.loads((folder / "o/f_segmentation.json").read_text())["weights"] == "similarity"
    assert not set(np.unique(array("o/f_votes.nii.gz"))) <= {0.5, 1.0}


def test_one_bad_image_is_reported_and_the_rest_go_on(folder, capfd):
    images = ["broken.nii.gz", "far.nii.gz", "none.nii.gz", "f.nii.gz"]
    assert segment(*images, *ONE, "--out-dir", "o") == 1
    rows = {row["image"]: row for row in csv.DictReader((folder / "o/segmentations.csv").read_text().splitlines())}
    assert [row["status"] for row in rows.values()] == ["failed", "failed", "failed", "done"]
    assert "is not a NIfTI image" in rows["broken"]["message"]
    assert "a.nii.gz and " in rows["far"]["message"]
    assert "do not overlap in the world" in rows["far"]["message"]
    assert "there is no such file" in rows["none"]["message"]
    assert {name for name in os.listdir("o") if name.endswith(".nii.gz")} == {"f_segmentation.nii.gz"}
    told = capfd.readouterr()
    assert "1 of 4 images segmented" in told.out
    assert "far: " in told.err


def test_tables_of_atlases_and_images(folder):
    (folder / "atlases.csv").write_text("image,labels,mask\na.nii.gz,a_l.nii.gz,\nb.nii.gz,b_l.nii.gz,b_l.nii.gz\n")
    (folder / "images.csv").write_text("image,id\nf.nii.gz,first/f\nf.nii.gz,second\n")
    assert segment("--images", "images.csv", "--atlases", "atlases.csv", "--out-dir", "o") == 0
    made = {name for name in os.listdir("o") if name.endswith(".nii.gz")}
    assert made == {"first_f_segmentation.nii.gz", "second_segmentation.nii.gz"}
    assert len(json.loads((folder / "o/second_segmentation.json").read_text())["atlases"]) == 2


def test_the_atlas_may_be_the_fixed_image(folder):
    assert segment("f.nii.gz", *ONE, "--out-dir", "o", "--atlas-role", "fixed") == 0
    assert json.loads((folder / "o/f_segmentation.json").read_text())["atlas_role"] == "fixed"
    assert array("o/f_segmentation.nii.gz").shape == GRIDS["oblique"].shape


def test_options_of_a_registration_reach_it(folder, monkeypatch):
    seen = {}
    monkeypatch.setattr(Registration, "register", lambda self, **options: seen.update(options) or 1 / 0)
    words = ["--init", "moments", "--affine-similarity", "mse", "--refine", "7"]
    assert segment("f.nii.gz", *ONE, "--out-dir", "o", *words) == 1
    assert (seen["init"], seen["refine"], seen["lam"], type(seen["affine"]).__name__) == ("moments", 7, None, "MSE")
    assert seen["moving"].name == "a.nii.gz"


@pytest.mark.parametrize("role", ["moving", "fixed"])
def test_tiles(folder, role):
    words = ["--atlas-role", role, "--init", "moments"]
    assert segment("f.nii.gz", *TWO, "--out-dir", "whole", *words) == 0
    assert segment("f.nii.gz", *TWO, "--out-dir", "o", *words, "--tile", "16,8,16", "--tile-overlap", "0") == 0
    for atlas in json.loads((folder / "o/f_segmentation.json").read_text())["atlases"]:
        assert (atlas["tiles"]["size"], atlas["tiles"]["overlap"][1]) == ([16, 8, 16], 0)
        sizes = zip(atlas["working_grid"]["shape"], (16, 8, 16), strict=True)
        assert atlas["tiles"]["number"] == [-(-size // side) for size, side in sizes]
    assert json.loads((folder / "whole/f_segmentation.json").read_text())["atlases"][0]["tiles"] is None
    np.testing.assert_array_equal(array("o/f_segmentation.nii.gz"), array("whole/f_segmentation.nii.gz"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*ONE], "Give the images to segment"),
        (["f.nii.gz", "--images", "t.csv", *ONE], "Give the images to segment"),
        (["f.nii.gz"], "Give --atlas with --atlas-labels"),
        (["f.nii.gz", *ONE, "--atlases", "t.csv"], "Give --atlas with --atlas-labels"),
        (["f.nii.gz", *ONE, "--atlas", "b.nii.gz"], "Every --atlas needs its --atlas-labels"),
        (["f.nii.gz", "--atlas-labels", "b_l.nii.gz"], "Received: 0 and 1"),
        (["f.nii.gz", "--atlas", "a.nii.gz", "--atlas-labels", "f_l.nii.gz"], "lies on another grid than its image"),
        (["f.nii.gz", "--atlas", "a.nii.gz", "--atlas-labels", "a.nii.gz"], "a label map needs whole numbers"),
        (["f.nii.gz", "--atlas", "a.nii.gz", "--atlas-labels", "zero.nii.gz"], "zero.nii.gz: every voxel is 0"),
        (["f.nii.gz", "--atlas", "zero.nii.gz", "--atlas-labels", "a_l.nii.gz"], "so there is nothing to register"),
        (["f.nii.gz", "--atlas", "none.nii.gz", "--atlas-labels", "a_l.nii.gz"], "none.nii.gz: there is no such file"),
        (["f.nii.gz", "f.nii.gz", *ONE], "two images have the same name: f"),
        (["f.nii.gz", "--atlases", "bare.csv"], "bare.csv: an atlas needs `labels`, and these have none: b."),
        (["--images", "none.csv", *ONE], "none.csv: there is no such file"),
        (["f.nii.gz", *ONE, "--weights", "ncc"], "'ncc' is not one of 'equal', 'similarity'"),
        (["f.nii.gz", *ONE, "--affine-similarity", "nc"], "Did you mean `ncc`"),
        (["f.nii.gz", *ONE, "--lambda", "0.5"], "takes no `--lambda`"),
        (["f.nii.gz", *ONE, "--lambda", "2"], "2"),
        (["f.nii.gz", *ONE, "--tile", "12x"], "Received: '12x'"),
        (["f.nii.gz", *ONE, "--tile", "8", "--tile-overlap", "8"], "`tile_overlap` must be below `tile`"),
        (["f.nii.gz", *ONE, "--tile-overlap", "4"], "belong to tiles"),
        (["f.nii.gz", *ONE, "--tile", "16", "--stitcher", "runs/y"], "runs/y"),
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_2(words, message, folder, capfd):
    (folder / "bare.csv").write_text("image,labels\na.nii.gz,a_l.nii.gz\nb.nii.gz,\n")
    before = set(os.listdir("."))
    assert segment(*words, "--out-dir", "o") == 2
    error = capfd.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert set(os.listdir(".")) == before


def test_no_input_is_overwritten(folder, capfd):
    os.rename("a_l.nii.gz", "f_segmentation.nii.gz")
    before = (folder / "f_segmentation.nii.gz").read_bytes()
    words = ["--atlas", "a.nii.gz", "--atlas-labels", "f_segmentation.nii.gz", "--out-dir", "."]
    assert segment("f.nii.gz", *words) == 2
    assert "f_segmentation.nii.gz: is an input; it would be overwritten" in capfd.readouterr().err
    assert (folder / "f_segmentation.nii.gz").read_bytes() == before


def test_a_conditioned_run_is_used_at_one_lambda(folder, monkeypatch, capfd):
    chosen = []
    registration = Registration(small_network(), 8.0, chosen_lambda=lambda: chosen[0] if chosen else None)
    monkeypatch.setattr(module, "load_run", lambda path: registration)
    assert segment("f.nii.gz", *ONE, "--out-dir", "o") == 2
    assert "choose one in [0, 1]" in capfd.readouterr().err
    assert not os.path.exists("o")
    assert segment("f.nii.gz", *ONE, "--out-dir", "o", "--lambda", "0.25") == 0
    assert json.loads((folder / "o/f_segmentation.json").read_text())["lambda"] == 0.25
    chosen.append(0.5)
    assert segment("f.nii.gz", *ONE, "--out-dir", "o") == 0
    assert "Registering at lambda 0.5 (chosen by `tfregkit sweep`)." in capfd.readouterr().out
