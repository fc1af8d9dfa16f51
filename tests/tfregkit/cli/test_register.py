"""The commands `register` and `apply`, with a fake network behind the run."""

import csv
import json
import os

import nibabel as nib
import numpy as np
import pytest
from conditioned import small_network
from phantoms import Constant, fixed_image, moving_image
from world_grids import GRIDS

from tfregkit.cli.main import run
from tfregkit.data.volume import write_volume
from tfregkit.inference import registration as module
from tfregkit.inference.registration import Registration


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a moving and a fixed image, labels and a table of pairs; the run is a network that does nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_run", lambda path: Registration(Constant(), 2.0, about={"path": str(path)}))
    for name, volume in {"m": moving_image(GRIDS["las"], np.eye(4)), "f": fixed_image(GRIDS["oblique"])}.items():
        write_volume(f"{name}.nii.gz", volume.data, volume.grid)
    write_volume("l.nii.gz", (moving_image(GRIDS["las"], np.eye(4)).data > 50).astype(np.uint8), GRIDS["las"])
    (tmp_path / "broken.nii.gz").write_bytes(b"nonsense")
    (tmp_path / "pairs.csv").write_text(
        "moving,fixed,moving_labels\nm.nii.gz,f.nii.gz,l.nii.gz\nbroken.nii.gz,f.nii.gz,\n"
    )
    return tmp_path


def register(*words):
    return run(["register", "--model", "runs/x", *words])


def test_one_pair_writes_all_that_is_asked_for(folder, capfd):
    files = [
        "--moved",
        "o/moved.nii.gz",
        "--warp",
        "o/w.nii.gz",
        "--inverse-warp",
        "o/i.nii.gz",
        "--save-affine",
        "o/a.tfm",
    ]
    labels = ["--moving-labels", "l.nii.gz", "--moved-labels", "o/l.nii.gz"]
    assert register("m.nii.gz", "f.nii.gz", *files, *labels, "--init", "moments") == 0
    assert sorted(os.listdir("o")) == ["a.tfm", "i.json", "i.nii.gz", "l.nii.gz", "moved.nii.gz", "w.json", "w.nii.gz"]
    assert nib.load("o/l.nii.gz").get_data_dtype() == np.uint8
    assert "folds 0 %" in capfd.readouterr().out

    assert run(["apply", "--warp", "o/w.nii.gz", "--reference", "f.nii.gz", "m.nii.gz", "o/again.nii.gz"]) == 0
    moved, again = (np.asarray(nib.load(f"o/{name}.nii.gz").dataobj) for name in ("moved", "again"))
    np.testing.assert_allclose(again, moved, atol=0.01)
    assert run(["apply", "--warp", "o/w.nii.gz", "--interpolation", "nearest", "l.nii.gz", "o/l2.nii.gz"]) == 0
    np.testing.assert_array_equal(nib.load("o/l.nii.gz").dataobj, nib.load("o/l2.nii.gz").dataobj)


@pytest.mark.parametrize("tile", ["8", "8,16,8"])
def test_tiles(folder, capfd, tile):
    files = ["--moved", "o/moved.nii.gz", "--warp", "o/w.nii"]
    assert register("m.nii.gz", "f.nii.gz", *files, "--tile", tile, "--tile-overlap", "0") == 0
    tiles = json.loads((folder / "o/w.json").read_text())["tiles"]
    assert tiles["size"] == [8, 16 if "," in tile else 8, 8]
    assert f"; {'x'.join(map(str, tiles['number']))} tiles.\n" in capfd.readouterr().out
    assert tiles["seam"] is None  # nothing moves
    table = ["--pairs", "pairs.csv", "--out-dir", "out"]
    assert register(*table, "--tile", tile, "--tile-overlap", "0") == 1  # one pair is broken
    assert json.loads((folder / "out/m_to_f_warp.json").read_text())["tiles"] == tiles


def test_points_there_and_back(folder):
    assert (
        register("m.nii.gz", "f.nii.gz", "--warp", "w.nii.gz", "--inverse-warp", "i.nii.gz", "--init", "moments") == 0
    )
    (folder / "p.csv").write_text("x,y,z\n6,-10,4\n9,-12,2\n")
    assert run(["apply", "--warp", "w.nii.gz", "--points", "p.csv", "q.csv"]) == 0
    assert run(["apply", "--warp", "i.nii.gz", "--points", "q.csv", "r.csv"]) == 0
    back = np.loadtxt("r.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(back, [[6, -10, 4], [9, -12, 2]], atol=1e-3)


def test_one_bad_pair_of_a_table_is_reported_and_the_rest_go_on(folder, capfd):
    assert register("--pairs", "pairs.csv", "--out-dir", "out") == 1
    rows = list(csv.DictReader((folder / "out/registrations.csv").read_text().splitlines()))
    assert [(row["pair"], row["status"]) for row in rows] == [("m_to_f", "done"), ("broken_to_f", "failed")]
    assert "is not a NIfTI image" in rows[1]["message"]
    made = {f"m_to_f_{name}" for name in ("moved.nii.gz", "moved_labels.nii.gz", "warp.nii.gz", "inverse_warp.nii.gz")}
    made |= {"m_to_f_warp.json", "m_to_f_inverse_warp.json", "registrations.csv"}
    assert set(os.listdir("out")) == made
    told = capfd.readouterr()
    assert "1 of 2 pairs registered" in told.out
    assert "broken_to_f: " in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["m.nii.gz", "--moved", "o.nii.gz"], "Give MOVING and FIXED"),
        (["m.nii.gz", "f.nii.gz"], "Nothing to write"),
        (["m.nii.gz", "f.nii.gz", "--moved", "o.png"], "o.png: an image is written as .nii or .nii.gz"),
        (["m.nii.gz", "f.nii.gz", "--moved", "m.nii.gz"], "m.nii.gz is an input; it would be overwritten"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--warp", "a.nii.gz"], "Two outputs have the same name"),
        (["m.nii.gz", "f.nii.gz", "--moved", "l.nii.gz", "--fixed-mask", "l.nii.gz"], "l.nii.gz is an input"),
        (["m.nii.gz", "f.nii.gz", "--init", "s.tfm", "--save-affine", "./s.tfm"], "s.tfm is an input"),
        (["m.nii.gz", "f.nii.gz", "--warp", "a.nii", "--inverse-warp", "a.nii.gz"], "would share the sidecar a.json"),
        (["m.nii.gz", "f.nii.gz", "--moved", "o.nii.gz", "--save-affine", "a.mat"], "a.mat: an affine is written as"),
        (["m.nii.gz", "f.nii.gz", "--moved-labels", "a.nii.gz"], "belong together"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--out-dir", "o"], "--out-dir belongs to --pairs"),
        (["--pairs", "pairs.csv"], "--pairs needs --out-dir"),
        (["--pairs", "pairs.csv", "--out-dir", "o", "--moved", "a.nii.gz"], "--moved: for one pair only"),
        (["--pairs", "none.csv", "--out-dir", "o"], "none.csv"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--lambda", "2"], "2"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--lambda", "0.5"], "takes no `--lambda`"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--init", "x.tfm"], "`--init x.tfm`: is neither one of"),
        (["m.nii.gz", "none.nii.gz", "--moved", "a.nii.gz"], "none.nii.gz: there is no such file"),
        (["m.nii.gz", "broken.nii.gz", "--moved", "a.nii.gz"], "broken.nii.gz: is not a NIfTI image"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--affine-similarity", "nc"], "nc"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--tile", "12x"], "Received: '12x'"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--tile", "5"], "so a tile of 5 voxels leaves nothing"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--tile-overlap", "4"], "belong to tiles"),
        (["m.nii.gz", "f.nii.gz", "--moved", "a.nii.gz", "--tile", "16", "--stitcher", "runs/y"], "runs/y"),
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_2(words, message, folder, capfd):
    before = set(os.listdir("."))
    assert register(*words) == 2
    error = capfd.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert set(os.listdir(".")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--warp", "m.nii.gz", "m.nii.gz", "o.nii.gz"], "m.nii.gz: is no displacement field"),
        (["--warp", "w.nii.gz", "m.nii.gz", "o.nii.gz"], "w.nii.gz: there is no such file"),
        (["--warp", "w.nii.gz", "m.nii.gz"], "Give INPUT and OUT"),
        (["--warp", "w.nii.gz", "--points", "p.csv", "a.csv", "b.csv"], "With --points, give one file"),
        (["--warp", "w.nii.gz", "m.nii.gz", "m.nii.gz"], "m.nii.gz is an input"),
        (["--warp", "w.nii.gz", "--points", "pairs.csv", "pairs.csv"], "pairs.csv is an input"),
        (["m.nii.gz", "o.nii.gz"], "--warp"),
    ],
)
def test_a_wrong_apply_is_one_message_and_exit_code_2(words, message, folder, capfd):
    assert run(["apply", *words]) == 2
    error = capfd.readouterr().err
    assert message in error
    assert not os.path.exists("o.nii.gz")


@pytest.fixture
def conditioned(folder, monkeypatch):
    """The same folder, with a run that takes lambda."""
    monkeypatch.setattr(module, "load_run", lambda path: Registration(small_network(), 4.0, about={"path": str(path)}))
    return folder


def test_several_lambdas_have_files_of_their_own(conditioned, capfd):
    files = ["--moved", "o/moved.nii.gz", "--warp", "o/w.nii", "--save-affine", "o/a.tfm"]
    labels = ["--moving-labels", "l.nii.gz", "--moved-labels", "o/l.nii.gz"]
    assert register("m.nii.gz", "f.nii.gz", *files, *labels, "--lambda", "0.05,1") == 0
    kinds = ("moved_lambda{}.nii.gz", "w_lambda{}.nii", "w_lambda{}.json", "l_lambda{}.nii.gz")
    assert set(os.listdir("o")) == {"a.tfm", *(kind.format(lam) for kind in kinds for lam in ("0.05", "1"))}
    told = capfd.readouterr().out
    assert "at lambda 0.05; folds" in told
    assert "o/moved_lambda1.nii.gz" in told
    assert register("m.nii.gz", "f.nii.gz", "--moved", "o/one.nii.gz", "--warp", "o/one_w.nii", "--lambda", "1") == 0
    one, other = (np.asarray(nib.load(f"o/{name}.nii.gz").dataobj) for name in ("one", "moved_lambda1"))
    np.testing.assert_allclose(one, other, atol=0.05)
    assert np.abs(one - np.asarray(nib.load("o/moved_lambda0.05.nii.gz").dataobj)).max() > 0.1


def test_several_lambdas_of_a_table(conditioned):
    assert register("--pairs", "pairs.csv", "--out-dir", "out", "--lambda", "0,0.5") == 1
    kinds = ("moved", "moved_labels", "warp", "inverse_warp")
    images = {f"m_to_f_{kind}_lambda{lam}.nii.gz" for kind in kinds for lam in ("0", "0.5")}
    sidecars = {f"m_to_f_{kind}_lambda{lam}.json" for kind in kinds[2:] for lam in ("0", "0.5")}
    assert set(os.listdir("out")) == images | sidecars | {"registrations.csv"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--moved", "a.nii.gz", "--lambda", "0.1,x"], "Received: 'x'"),
        (["--moved", "a.nii.gz", "--lambda", "paper71"], "Did you mean `paper17`?"),
        (["--moved", "a.nii.gz"], "choose one in [0, 1] (`--lambda 0.1`"),
        (
            ["--moved", "m.nii.gz", "--lambda", "0.5,1", "--fixed-mask", "m_lambda0.5.nii.gz"],
            "m_lambda0.5.nii.gz is an",
        ),
    ],
)
def test_wrong_lambdas_are_one_message_and_exit_code_2(conditioned, words, message, capfd):
    before = set(os.listdir("."))
    assert register("m.nii.gz", "f.nii.gz", *words) == 2
    assert message in " ".join(capfd.readouterr().err.split())
    assert set(os.listdir(".")) == before
