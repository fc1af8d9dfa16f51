"""The scripts that lay out LPBA40, CANDI, MindBoggle-101 and ACDC, on small releases made up in the public layouts."""

import csv
import gzip
import importlib.util
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tfregkit.data.splits import sides
from tfregkit_plugins.datasets.nifti import Nifti

SCRIPTS = Path(__file__).parents[2] / "scripts"
SHAPE = (11, 13, 7)


def load(name):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPTS))  # as for `python scripts/NAME.py`
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPTS))
    return module


LPBA40, CANDI, MINDBOGGLE, ACDC = map(load, (f"prepare_{name}" for name in ("lpba40", "candi", "mindboggle", "acdc")))


def volumes(number, shape=SHAPE):
    """An image that is the number of its person but for one voxel, and labels of one box."""
    image = np.full(shape, number, np.int16)
    image[2, 3, 1] = 1000 + number
    labels = np.zeros(shape, np.uint8)
    labels[1:6, 2:11, 1:4] = 21
    return image, labels


def save(path, data, affine=None, kind=nib.Nifti1Image):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(kind(data, np.diag([-1.0, 1, 1, 1]) if affine is None else affine), path)


def rows(table):
    return list(csv.DictReader(table.open()))


def prepared(script, release, out, *words):
    return script.main([str(release), str(out), *map(str, words)])


def fails(capsys, script, *words):
    assert script.main([str(word) for word in words]) == 2
    return capsys.readouterr().err


def lpba40(release, persons, endings=(".nii.gz",)):
    for number, person in enumerate(persons, start=1):
        folder = release / "delineation_space" / person
        ending = endings[number % len(endings)]
        for kind, data in zip(("skullstripped", "structure.label"), volumes(number), strict=True):
            path = folder / f"{person}.delineation.{kind}{ending}"
            if ending == ".nii.gz":
                save(path, data)
                continue
            save(path.with_name(path.name.removesuffix(".gz")), data[..., None], kind=nib.AnalyzeImage)
            if ending == ".img.gz":  # beside a header that is not compressed, as they are downloaded
                plain = path.with_name(path.name.removesuffix(".gz"))
                path.write_bytes(gzip.compress(plain.read_bytes()))
                plain.unlink()


@pytest.fixture
def small_lpba40(monkeypatch):
    monkeypatch.setattr(LPBA40, "SHAPE", SHAPE)
    monkeypatch.setattr(LPBA40, "CROP", (8, 10, 6))


def test_lpba40_numbers_are_the_papers():
    assert (LPBA40.SHAPE, LPBA40.CROP, LPBA40.REFERENCE) == ((181, 217, 181), (160, 192, 160), "S01")
    assert (LPBA40.PERSONS[0], LPBA40.PERSONS[-1], LPBA40.TEST) == ("S01", "S40", [f"S{i}" for i in range(31, 41)])


def test_lpba40(small_lpba40, tmp_path, capsys):
    release, out = tmp_path / "LPBA40", tmp_path / "out"
    lpba40(release, LPBA40.PERSONS, endings=(".nii.gz", ".img", ".img.gz"))
    assert prepared(LPBA40, release, out) == 0
    assert "30 train, 10 test" in capsys.readouterr().out
    split = Nifti(table=out / "scans.csv", reference="S30").split(0)
    assert len(split.train) == 30 * 29
    assert [(p.moving.subject, p.fixed.subject) for p in split.test] == [(f"S{i}", "S30") for i in range(31, 41)]
    pairs = Nifti(table=out / "pairs.csv").split(0)
    assert [p.moving.id for p in pairs.train] == [f"S{i:02d}" for i in range(2, 31)]
    assert [p.moving.id for p in pairs.test] == [f"S{i}" for i in range(31, 41)]
    assert {scan.id for part in (pairs.train, pairs.test) for scan in sides(part)[1]} == {"S01"}
    for number in (1, 2, 3):
        whole = nib.load(out / "images" / f"S0{number}.nii.gz")
        image, labels = volumes(number)
        np.testing.assert_array_equal(np.asarray(whole.dataobj), image)
        np.testing.assert_array_equal(np.asarray(nib.load(out / "labels" / f"S0{number}.nii.gz").dataobj), labels)
        cropped = nib.load(out / "cropped" / f"S0{number}.nii.gz")
        np.testing.assert_array_equal(np.asarray(cropped.dataobj), image[2:10, 2:12, 1:7])
        mapped = nib.load(out / "cropped" / f"S0{number}_labels.nii.gz")
        np.testing.assert_array_equal(np.asarray(mapped.dataobj), labels[2:10, 2:12, 1:7])
        for one in (whole, cropped):  # one grid for all, about the origin
            np.testing.assert_allclose(one.affine @ [*(np.array(one.shape) - 1) / 2, 1], [0, 0, 0, 1], atol=1e-6)
            np.testing.assert_allclose(one.affine[:3, :3], np.diag([-1, 1, 1]))
    before = (out / "images" / "S07.nii.gz").stat().st_mtime_ns
    (out / "cropped" / "S08.nii.gz").unlink()
    assert prepared(LPBA40, release, out) == 0
    assert (out / "images" / "S07.nii.gz").stat().st_mtime_ns == before
    assert (out / "cropped" / "S08.nii.gz").is_file()


def test_lpba40_errors(small_lpba40, tmp_path, capsys):
    release, out = tmp_path / "LPBA40", tmp_path / "out"
    assert "there is no such folder" in fails(capsys, LPBA40, release, out)
    lpba40(release, [p for p in LPBA40.PERSONS if p not in ("S07", "S40")])
    assert "lacks 2 of 40 images S??.delineation.skullstripped: S07, S40." in fails(capsys, LPBA40, release, out)
    lpba40(release, LPBA40.PERSONS)
    wrong = release / "delineation_space/S03/S03.delineation.structure.label.nii.gz"
    save(wrong, np.ones((5, 5, 5), np.uint8))
    assert f"{wrong}: lies on another grid than S03.delineation.skullstripped" in fails(capsys, LPBA40, release, out)
    save(wrong, np.zeros(SHAPE, np.uint8))
    assert f"{wrong}: has no label in it" in fails(capsys, LPBA40, release, out)
    for kind, data in zip(("skullstripped", "structure.label"), volumes(3, (5, 12, 6)), strict=True):
        save(wrong.with_name(f"S03.delineation.{kind}.nii.gz"), data)
    assert "is no image in delineation space, of 11x13x7 voxels" in fails(capsys, LPBA40, release, out)
    assert not (out / "scans.csv").exists()


CORONAL = np.array(
    [[-0.9375, 0, 0, 30], [0, 0, 1.5, -80], [0, -0.9375, 0, 55], [0, 0, 0, 1]]
)  # x, z, y as in the release


def candi(release, count=7):
    groups = ("HC", "BPDwithoutPsy", "SS")
    for number in range(1, count + 1):
        subject = f"HC_{number:03d}"
        folder = release / groups[number % 3] / subject
        image, labels = volumes(number)
        save(folder / f"{subject}_procimg.nii.gz", image, CORONAL)
        ending = ".seg.nii.gz" if number == 3 else "_seg.nii.gz"
        save(folder / f"{subject}{ending}", labels, CORONAL)


def test_candi_numbers_are_the_papers():
    assert (CANDI.CROP, CANDI.SUBJECTS) == ((160, 160, 128), 103)
    reference, parts = CANDI.split([f"HC_{i:03d}" for i in range(103)], 20, None, 1)
    assert sorted(map(list(parts.values()).count, ("test", "train"))) == [20, 82]
    assert reference not in parts


def test_candi(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(CANDI, "CROP", (4, 17, 4))
    release, out = tmp_path / "SchizBull_2008", tmp_path / "out"
    candi(release)
    assert prepared(CANDI, release, out, "--test", 2, "--reference", "HC_005") == 0
    assert "7 scans (the release has 103), reference HC_005" in capsys.readouterr().out
    split = Nifti(table=out / "pairs.csv").split(0)
    assert (len(split.train), len(split.test)) == (4, 2)
    assert {p.fixed.id for p in (*split.train, *split.test)} == {"HC_005"}
    assert {p.moving.id for p in (*split.train, *split.test)} == {f"HC_{i:03d}" for i in (1, 2, 3, 4, 6, 7)}
    cropped, labels = nib.load(out / "images/HC_003.nii.gz"), nib.load(out / "labels/HC_003.nii.gz")
    image, whole = volumes(3)  # the box of labels is 1:6, 2:11, 1:4, so its middle 3, 6, 2; the scan has 13 of 17
    expected = np.pad(whole, ((0, 0), (2, 2), (0, 0)))[2:6, :, 1:5]
    np.testing.assert_array_equal(np.asarray(labels.dataobj), expected)
    padded = np.pad(image, ((0, 0), (2, 2), (0, 0)), constant_values=3)[2:6, :, 1:5]
    np.testing.assert_array_equal(np.asarray(cropped.dataobj), padded)
    assert nib.aff2axcodes(cropped.affine) == ("L", "I", "A")
    np.testing.assert_allclose(cropped.header.get_zooms(), (0.9375, 0.9375, 1.5))
    np.testing.assert_allclose(cropped.affine @ [1.5, 8, 1.5, 1], [0, 0, 0, 1], atol=1e-6)


def test_candi_draws_by_the_seed():
    subjects = [f"HC_{i:03d}" for i in range(9)]
    one = CANDI.split(subjects, 3, None, 1)
    assert one == CANDI.split(subjects[::-1], 3, None, 1)
    assert any(one != CANDI.split(subjects, 3, None, seed) for seed in (2, 3))


def test_candi_errors(tmp_path, capsys):
    release, out = tmp_path / "release", tmp_path / "out"
    release.mkdir()
    assert "has no files *_procimg.nii.gz" in fails(capsys, CANDI, release, out)
    candi(release)
    assert "7 scans are too few for a test of 20" in fails(capsys, CANDI, release, out)
    assert "there is no such subject. Did you mean `HC_0" in fails(
        capsys, CANDI, release, out, "--test", 2, "--reference", "HC_00"
    )
    gone = next(release.rglob("HC_006_seg.nii.gz"))
    gone.unlink()
    assert "HC_006_procimg.nii.gz: has no label map HC_006_seg.nii.gz beside it" in fails(capsys, CANDI, release, out)


def test_mindboggle(tmp_path, capsys):
    release, out = tmp_path / "volumes", tmp_path / "out"
    for number, person in enumerate([*MINDBOGGLE.PARTS, "MMRR-21-1"]):
        folder = release / f"{person.rpartition('-')[0]}_volumes" / person
        image, labels = volumes(number)
        save(folder / "t1weighted_brain.MNI152.nii.gz", image)
        save(folder / f"labels.DKT{25 if number == 5 else 31}.manual.MNI152.nii.gz", labels)
    assert prepared(MINDBOGGLE, release, out) == 0
    split = Nifti(table=out / "scans.csv", reference="NKI-TRT-20-17").split(0)
    assert len(split.train) == 42 * 41
    assert [p.moving.subject for p in split.test] == [f"OASIS-TRT-20-{i}" for i in range(1, 21)]
    assert {p.fixed.subject for p in split.test} == {"NKI-TRT-20-17"}
    assert list(MINDBOGGLE.PARTS)[38] == "NKI-TRT-20-17"  # image 39
    person = release / "OASIS-TRT-20_volumes/OASIS-TRT-20-3"
    save(person / "labels.DKT31.manual.MNI152.nii.gz", np.ones((3, 3, 3), np.uint8))
    assert "labels.DKT31.manual.MNI152.nii.gz: lies on another grid" in fails(capsys, MINDBOGGLE, release, out)
    (person / "labels.DKT31.manual.MNI152.nii.gz").unlink()
    assert f"{person}: has no labels.DKT31.manual.MNI152.nii.gz" in fails(capsys, MINDBOGGLE, release, out)
    (person / "t1weighted_brain.MNI152.nii.gz").unlink()
    assert "lacks 1 of 62 folders with a t1weighted_brain.MNI152.nii.gz: OASIS-TRT-20-3." in fails(
        capsys, MINDBOGGLE, release, out
    )


def test_acdc(tmp_path, capsys):
    release, out = tmp_path / "ACDC", tmp_path / "out"
    for number, patient in enumerate(ACDC.PATIENTS, start=1):
        folder = release / "database" / ("training" if number <= 100 else "testing") / patient
        image, labels = volumes(number)
        for phase in (1, 12 if number % 2 else 7):
            save(folder / f"{patient}_frame{phase:02d}.nii.gz", image)
            save(folder / f"{patient}_frame{phase:02d}_gt.nii.gz", labels)
        (folder / "Info.cfg").write_text(f"ED: 1\nES: {12 if number % 2 else 7}\nGroup: DCM\nHeight: 184.0\n")
    assert prepared(ACDC, release, out) == 0
    assert "200 train, 100 test" in capsys.readouterr().out
    split = Nifti(table=out / "scans.csv", pairing="paired", moving_modality="ED", fixed_modality="ES").split(0)
    assert (len(split.train), len(split.test)) == (100, 50)
    assert split.test[0].fixed.image.name == "patient101_frame12.nii.gz"
    assert split.test[1].fixed.labels.name == "patient102_frame07_gt.nii.gz"
    assert all(p.moving.subject == p.fixed.subject for p in split.train)
    folder = release / "database/training/patient002"
    (folder / "Info.cfg").write_text("ED: 1\n")
    assert f"{folder / 'Info.cfg'}: does not say which frame is ES" in fails(capsys, ACDC, release, out)
    (folder / "Info.cfg").write_text("ED: 1\nES: 9\n")
    assert f"{folder}: has no patient002_frame09.nii.gz with its patient002_frame09_gt.nii.gz" in fails(
        capsys, ACDC, release, out
    )
    (folder / "Info.cfg").unlink()
    assert "lacks 1 of 150 folders patient*/ with an Info.cfg: patient002." in fails(capsys, ACDC, release, out)
