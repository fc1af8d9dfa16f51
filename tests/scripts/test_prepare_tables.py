"""The scripts that list MindBoggle-101 and ACDC, and what all of them share, on made-up releases."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from made_up_releases import SHAPE, fails, link, load, prepared, save, split_of, volumes

from tfregkit.data.tables import read_scans
from tfregkit.errors import DataError

MINDBOGGLE, ACDC, RELEASES = load("prepare_mindboggle"), load("prepare_acdc"), load("releases")


@pytest.fixture
def scan(tmp_path):
    """An image and its label map, to be linked to under other names."""
    files = tmp_path / "image.nii.gz", tmp_path / "labels.nii.gz"
    for path, data in zip(files, volumes(3), strict=True):
        save(path, data)
    return files


@pytest.fixture
def mindboggle(tmp_path, scan):
    release = tmp_path / "volumes"
    for number, person in enumerate([*MINDBOGGLE.PARTS, "MMRR-21-1"]):
        folder = release / f"{person.rpartition('-')[0]}_volumes" / person
        link(folder / "t1weighted_brain.MNI152.nii.gz", scan[0])
        link(folder / f"labels.DKT{25 if number == 5 else 31}.manual.MNI152.nii.gz", scan[1])
    return release


def test_mindboggle(mindboggle, tmp_path):
    out = tmp_path / "out"
    assert prepared(MINDBOGGLE, mindboggle, out) == 0
    split = split_of("clmorph_mindboggle", out / "scans.csv")
    assert len(split.train) == 42 * 41
    assert [p.moving.subject for p in split.test] == [f"OASIS-TRT-20-{i}" for i in range(1, 21)]
    assert {p.fixed.subject for p in split.test} == {"NKI-TRT-20-17"}
    assert list(MINDBOGGLE.PARTS)[38] == "NKI-TRT-20-17"  # image 39
    sixth = split.train[5 * 41].moving
    assert sixth.labels == mindboggle / "NKI-RS-22_volumes/NKI-RS-22-6/labels.DKT25.manual.MNI152.nii.gz"
    assert [path.name for path in out.iterdir()] == ["scans.csv"]


def test_mindboggle_errors(mindboggle, tmp_path, capsys):
    out, person = tmp_path / "out", mindboggle / "OASIS-TRT-20_volumes/OASIS-TRT-20-3"
    labels = person / "labels.DKT31.manual.MNI152.nii.gz"
    assert f"{tmp_path / 'none'}: there is no such folder" in fails(capsys, MINDBOGGLE, tmp_path / "none", out)
    labels.unlink()
    assert f"{person}: has no labels.DKT31.manual.MNI152.nii.gz" in fails(capsys, MINDBOGGLE, mindboggle, out)
    save(labels, np.ones(SHAPE, np.uint8), np.diag([1.0, 1, 1, 1]))
    assert f"{labels}: lies on another grid" in fails(capsys, MINDBOGGLE, mindboggle, out)
    (person / "t1weighted_brain.MNI152.nii.gz").unlink()
    assert "lacks 1 of 62 folders with a t1weighted_brain.MNI152.nii.gz: OASIS-TRT-20-3." in fails(
        capsys, MINDBOGGLE, mindboggle, out
    )
    assert not out.exists()


@pytest.fixture
def acdc(tmp_path, scan):
    release = tmp_path / "ACDC"
    for number, patient in enumerate(ACDC.PATIENTS, start=1):
        folder = release / "database" / ("training" if number <= 100 else "testing") / patient
        late = 12 if number % 2 else 7
        for phase in (1, late):
            link(folder / f"{patient}_frame{phase:02d}.nii.gz", scan[0])
            link(folder / f"{patient}_frame{phase:02d}_gt.nii.gz", scan[1])
        (folder / "Info.cfg").write_text(f"ED: 1\nES: {late}\nGroup: DCM\nHeight: 184.0\n")
    return release


def test_acdc(acdc, tmp_path, capsys):
    out = tmp_path / "out"
    assert prepared(ACDC, acdc, out) == 0
    assert "200 train, 100 test" in capsys.readouterr().out
    split = split_of("clmorph_acdc", out / "scans.csv")
    assert (len(split.train), len(split.test)) == (100, 50)
    assert split.test[0].fixed.image.name == "patient101_frame12.nii.gz"
    assert split.test[1].fixed.labels.name == "patient102_frame07_gt.nii.gz"
    assert {(p.moving.modality, p.fixed.modality) for p in (*split.train, *split.test)} == {("ED", "ES")}
    assert all(p.moving.subject == p.fixed.subject for p in split.train)


def test_acdc_errors(acdc, tmp_path, capsys):
    out, folder = tmp_path / "out", acdc / "database/training/patient002"
    (folder / "Info.cfg").write_text("ED: 1\n")
    assert f"{folder / 'Info.cfg'}: does not say which frame is ES" in fails(capsys, ACDC, acdc, out)
    (folder / "Info.cfg").write_text("ED: 1\r\nES: 9\r\n")
    assert f"{folder}: has no patient002_frame09.nii.gz with its patient002_frame09_gt.nii.gz" in fails(
        capsys, ACDC, acdc, out
    )
    (folder / "Info.cfg").unlink()
    assert "lacks 1 of 150 folders patient*/ with an Info.cfg: patient002." in fails(capsys, ACDC, acdc, out)
    assert not out.exists()


def test_tables_name_files_relative_to_themselves_where_they_can(tmp_path, scan, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image, labels = scan
    inside = RELEASES.Scan("a", tmp_path / "out/images/a.nii.gz", labels, "train")
    link(inside.image, image)
    RELEASES.write_scans(Path("out/scans.csv"), [inside])
    (row,) = csv.DictReader((tmp_path / "out/scans.csv").open())
    assert (row["image"], row["labels"], row["subject"]) == ("images/a.nii.gz", str(labels), "a")
    ((read, part),) = read_scans(tmp_path / "out/scans.csv")
    assert (read.image, read.labels, part) == (inside.image, labels, "train")


def test_a_damaged_header_beside_a_compressed_image_is_named(tmp_path):
    path = tmp_path / "a.img.gz"
    save(tmp_path / "a.img", volumes(1)[0], kind=nib.AnalyzeImage)
    path.write_bytes((tmp_path / "a.img").read_bytes())
    for header in (b"nonsense", b"x" * 348):
        (tmp_path / "a.hdr").write_bytes(header)
        with pytest.raises(DataError, match=r"a\.hdr: is no Analyze or NIfTI header"):
            RELEASES.read(path)


def test_a_file_in_the_place_of_the_folder_is_an_error(mindboggle, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    told = fails(capsys, MINDBOGGLE, mindboggle, tmp_path / "out")
    assert f"{tmp_path / 'out'}: is a file, not a folder to write to." in told
    assert (tmp_path / "out").read_text() == "mine"
