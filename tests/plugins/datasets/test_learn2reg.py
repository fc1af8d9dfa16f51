import json

import numpy as np
import pytest
from scan_files import write_scan

from tfregkit.api import DataError
from tfregkit_plugins.datasets.learn2reg import Learn2Reg

AFFINE = np.array([[-2.0, 0, 0, 40], [0, 0, 3, -50], [0, 1, 0, 60], [0, 0, 0, 1]])


@pytest.fixture
def task(tmp_path, monkeypatch):
    """An inter-subject task as they are published: `training` also lists the scans of the validation pairs."""
    monkeypatch.setenv("TFREGKIT_CACHE", str(tmp_path / "cache"))
    for i in range(1, 6):
        for folder in ("imagesTr", "labelsTr"):
            write_scan(tmp_path / folder / f"OASIS_000{i}_0000.nii.gz", shape=(2, 3, 5), affine=AFFINE)
    path = tmp_path / "OASIS_dataset.json"
    image = "./imagesTr/OASIS_000{}_0000.nii.gz".format
    content = {
        "modality": {"0": "MR"},
        "training": [{"image": image(i), "label": f"./labelsTr/OASIS_000{i}_0000.nii.gz"} for i in range(1, 6)],
        "registration_val": [{"fixed": image(4), "moving": image(5)}],
    }
    path.write_text(json.dumps(content))
    return path


def changed(path, **content):
    path.write_text(json.dumps({**json.loads(path.read_text()), **content}))
    return Learn2Reg(path)


def test_scans(task):
    scan = Learn2Reg(task).scans("training")[2]
    assert (scan.id, scan.subject, scan.modality) == ("OASIS_0003_0000", "OASIS_0003", "MR")
    assert scan.labels == task.parent / "labelsTr" / "OASIS_0003_0000.nii.gz"
    assert scan.mask is scan.points is None


def test_pairs_find_the_labels_that_only_the_folders_tell(task):
    (pair,) = Learn2Reg(task).pairs("registration_val")
    assert pair.id == "OASIS_0005_0000_to_OASIS_0004_0000"
    assert pair.moving.labels == task.parent / "labelsTr" / "OASIS_0005_0000.nii.gz"
    assert Learn2Reg(task).pairs("registration_test") == []


def test_two_modalities_of_one_person(task):
    write_scan(task.parent / "imagesTr" / "OASIS_0001_0001.nii.gz", shape=(2, 3, 5))
    both = [f"imagesTr/OASIS_0001_000{i}.nii.gz" for i in (0, 1)]
    scans = changed(task, training=both, modality={"0": "MR", "1": "CT"}).scans("training")
    assert [(s.subject, s.modality) for s in scans] == [("OASIS_0001", "MR"), ("OASIS_0001", "CT")]


def test_keypoints_in_voxels_become_world_points(task):
    folder = task.parent / "keypointsTr"
    folder.mkdir()
    (folder / "OASIS_0001_0000.csv").write_text("1.5,2,3\n0,0,1\n")
    scan = Learn2Reg(task).scans("training")[0]
    rows = ["x,y,z", "37.000000,-41.000000,62.000000", "40.000000,-47.000000,60.000000"]
    assert scan.points.read_text().splitlines() == rows
    assert Learn2Reg(task).scans("training")[0].points == scan.points
    (folder / "OASIS_0002_0000.csv").write_text("x,y,z\n1,2,3\n")
    assert Learn2Reg(task).scans("training")[1].points == folder / "OASIS_0002_0000.csv"
    (folder / "OASIS_0003_0000.csv").write_text("1,2,3\n4,5\n")
    with pytest.raises(DataError, match=r"OASIS_0003_0000\.csv: every line must have three numbers"):
        Learn2Reg(task).scans("training")


def test_partners_that_the_file_names(task):
    write_scan(task.parent / "brains" / "one.nii.gz", shape=(2, 3, 5))
    (task.parent / "points").mkdir()
    (task.parent / "points" / "one.csv").write_text("0,0,1\n")
    entry = {"image": "imagesTr/OASIS_0001_0000.nii.gz", "mask": "brains/one.nii.gz", "keypoints": "points/one.csv"}
    (scan,) = changed(task, training=[entry]).scans("training")
    assert scan.mask == task.parent / "brains" / "one.nii.gz"
    assert scan.points.read_text().splitlines() == ["x,y,z", "40.000000,-47.000000,60.000000"]


def test_bad_files(task, tmp_path):
    with pytest.raises(DataError, match=r"gone\.json: there is no such file"):
        Learn2Reg(tmp_path / "gone.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match=r"bad\.json: is not JSON"):
        Learn2Reg(tmp_path / "bad.json")
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match=r"other\.json: is no Learn2Reg file"):
        Learn2Reg(tmp_path / "other.json")
    with pytest.raises(DataError, match=r"lists a file that is not there: .*gone\.nii\.gz"):
        changed(task, training=[{"image": "gone.nii.gz"}]).scans("training")
    with pytest.raises(DataError, match=r"registration_val\[0\] must have `fixed` and `moving`"):
        changed(task, registration_val=[{"fixed": "a"}]).pairs("registration_val")
    with pytest.raises(DataError, match="a scan is a path or has an `image`. Received: {'images': 1}"):
        changed(task, training=[{"images": 1}]).scans("training")
