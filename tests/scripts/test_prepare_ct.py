"""The scripts for abdominal CT, on made-up releases."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from made_up_releases import contents, fails, link, load, prepared, save

from tfregkit.data.tables import read_scans

KITS, NIH = load("prepare_kits"), load("prepare_nih_pancreas")
SHAPE, SPACING, ORIGIN = (5, 7, 11), (0.7, 0.9, 2.5), (-31.0, -47.0, 13.0)


@pytest.fixture
def kits(tmp_path):
    """210 cases with labels and two without, all the same file."""
    image, labels = np.full(SHAPE, 30, np.int16), np.zeros(SHAPE, np.uint8)
    labels[1:3, 2:4, 3:6] = 1
    affine = np.array([[0, 0, -0.7, 0], [0, -0.7, 0, 0], [-2.5, 0, 0, 0], [0, 0, 0, 1]])  # slices first
    save(tmp_path / "image.nii.gz", image, affine)
    save(tmp_path / "labels.nii.gz", labels, affine)
    for number in range(212):
        folder = tmp_path / "kits19" / "data" / f"case_{number:05d}"
        link(folder / "imaging.nii.gz", tmp_path / "image.nii.gz")
        if number < 210:
            link(folder / "segmentation.nii.gz", tmp_path / "labels.nii.gz")
    return tmp_path / "kits19"


def test_kits_lists_the_labelled_cases(kits, tmp_path, capsys):
    out = tmp_path / "out"
    assert prepared(KITS, kits, out) == 0
    assert capsys.readouterr().out.endswith("scans.csv: 210 scans\n")
    scans = read_scans(out / "scans.csv")
    assert [scan.id for scan, _ in scans] == [f"case_{number:05d}" for number in range(210)]
    assert {split for _, split in scans} == {""}
    assert scans[7][0].labels == kits / "data" / "case_00007" / "segmentation.nii.gz"


def test_kits_errors(kits, tmp_path, capsys):
    case = kits / "data" / "case_00003"
    (case / "segmentation.nii.gz").unlink()
    assert "lacks 1 of 210 label maps case_?????/segmentation.nii.gz: case_00003." in fails(
        capsys, KITS, kits, tmp_path
    )
    save(case / "segmentation.nii.gz", np.ones(SHAPE, np.uint8))
    assert "segmentation.nii.gz: lies on another grid" in fails(capsys, KITS, kits, tmp_path)


def slices(folder, data):
    """A DICOM series, the head's slice first and in files whose names say nothing of their order."""
    folder.mkdir(parents=True)
    for number, k in enumerate(reversed(range(data.shape[2]))):
        image = SimpleITK.GetImageFromArray(np.ascontiguousarray(data[:, :, k].T)[None])
        image.SetSpacing(SPACING)
        tags = {
            "0008|0060": "CT",
            "0020|000d": "1.2.3",
            "0020|000e": "1.2.3.4",
            "0020|0013": str(number),
            "0020|0032": f"{ORIGIN[0]}\\{ORIGIN[1]}\\{ORIGIN[2] + SPACING[2] * k}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer = SimpleITK.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"{(7 * k) % data.shape[2]:02d}.dcm"))
        writer.Execute(image)


@pytest.fixture
def nih(tmp_path, monkeypatch):
    """Two patients; their label maps have another header than the images, as in the release."""
    monkeypatch.setattr(NIH, "CASES", ["0001", "0003"])
    release = tmp_path / "Pancreas-CT"
    for number, case in enumerate(NIH.CASES):
        image = np.random.default_rng(number).integers(-900, -700, SHAPE).astype(np.int16)
        labels = np.zeros(SHAPE, np.uint8)
        labels[1:3, 4:6, 2:9] = 1
        image[labels > 0] = 40 + number
        slices(release / f"PANCREAS_{case}" / "study" / "series", image)
        save(release / "TCIA_pancreas_labels-02-05-2017" / f"label{case}.nii.gz", labels, np.diag([-1, 1, 1, 1.0]))
    return release


def test_nih_labels_are_put_on_the_voxels_of_their_image(nih, tmp_path):
    out = tmp_path / "out"
    assert prepared(NIH, nih, out) == 0
    for number, case in enumerate(NIH.CASES):
        image, labels = (nib.load(out / kind / f"{case}.nii.gz") for kind in ("images", "labels"))
        np.testing.assert_array_equal(image.affine, labels.affine)
        inside = np.asarray(labels.dataobj) > 0
        assert np.count_nonzero(inside) == 2 * 2 * 7
        assert (np.asarray(image.dataobj)[inside] == 40 + number).all()
        assert (np.asarray(image.dataobj)[~inside] < 0).all()
        expected = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1])
        expected[:3, 3] = -ORIGIN[0], -ORIGIN[1], ORIGIN[2]
        np.testing.assert_allclose(image.affine, expected, atol=1e-5)
        assert (image.get_data_dtype(), labels.get_data_dtype()) == (np.int16, np.uint8)


def test_nih_goes_on_where_it_stopped(nih, tmp_path):
    out = tmp_path / "out"
    assert prepared(NIH, nih, out) == 0
    whole = contents(out)
    (out / "labels" / "0003.nii.gz").unlink()
    assert prepared(NIH, nih, out) == 0
    assert contents(out) == whole


def test_nih_errors(nih, tmp_path, capsys):
    labels = nih / "TCIA_pancreas_labels-02-05-2017" / "label0003.nii.gz"
    flipped = np.asarray(nib.load(labels).dataobj)[:, ::-1]
    save(labels, flipped)
    assert "label0003.nii.gz: does not lie on the pancreas of its image" in fails(capsys, NIH, nih, tmp_path / "out")
    assert not (tmp_path / "out" / "images" / "0003.nii.gz").exists()
    save(labels, flipped[1:])
    assert "label0003.nii.gz: has (4, 7, 11) voxels, its image (5, 7, 11)" in fails(capsys, NIH, nih, tmp_path / "out")
    labels.unlink()
    assert "lacks 1 of 2 label maps label????.nii.gz: 0003." in fails(capsys, NIH, nih, tmp_path / "out")
    slices(nih / "PANCREAS_0001" / "study" / "scout", np.zeros((5, 7, 1), np.int16))
    assert "patient 0001 has a second series" in fails(capsys, NIH, nih, tmp_path / "out")
