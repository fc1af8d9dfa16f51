"""The scripts that crop LPBA40 and CANDI, on small releases made up in the public layouts."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from made_up_releases import SHAPE, contents, fails, load, prepared, save, split_of, volumes

from tfregkit.data.splits import sides

LPBA40, CANDI = load("prepare_lpba40"), load("prepare_candi")


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
    monkeypatch.setattr("os.fsync", lambda file: None)  # 160 files


def test_lpba40_numbers_are_the_papers():
    assert (LPBA40.SHAPE, LPBA40.CROP, LPBA40.REFERENCE) == ((181, 217, 181), (160, 192, 160), "S01")
    assert (LPBA40.PERSONS[0], LPBA40.PERSONS[-1], LPBA40.TEST) == ("S01", "S40", [f"S{i}" for i in range(31, 41)])


def test_lpba40(small_lpba40, tmp_path, capsys):
    release, out = tmp_path / "LPBA40", tmp_path / "out"
    lpba40(release, LPBA40.PERSONS, endings=(".nii.gz", ".img", ".img.gz"))
    assert prepared(LPBA40, release, out) == 0
    assert "30 train, 10 test" in capsys.readouterr().out
    split = split_of("clmorph_lpba40", out / "scans.csv")
    assert len(split.train) == 30 * 29
    assert [(p.moving.subject, p.fixed.subject) for p in split.test] == [(f"S{i}", "S30") for i in range(31, 41)]
    pairs = split_of("pcswinmorph_lpba40", out / "pairs.csv")
    assert [p.moving.id for p in pairs.train] == [f"S{i:02d}" for i in range(2, 31)]
    assert [p.moving.id for p in pairs.test] == [f"S{i}" for i in range(31, 41)]
    assert {scan.id for part in (pairs.train, pairs.test) for scan in sides(part)[1]} == {"S01"}
    assert pairs.test[0].moving.labels == out / "cropped" / "S31_labels.nii.gz"
    for number in (1, 2, 3):
        whole = nib.load(out / "images" / f"S0{number}.nii.gz")
        image, labels = volumes(number)
        np.testing.assert_array_equal(np.asarray(whole.dataobj), image)
        np.testing.assert_array_equal(np.asarray(nib.load(out / "labels" / f"S0{number}.nii.gz").dataobj), labels)
        cropped = nib.load(out / "cropped" / f"S0{number}.nii.gz")
        np.testing.assert_array_equal(np.asarray(cropped.dataobj), image[2:10, 2:12, 1:7])
        mapped = nib.load(out / "cropped" / f"S0{number}_labels.nii.gz")
        np.testing.assert_array_equal(np.asarray(mapped.dataobj), labels[2:10, 2:12, 1:7])
        assert (mapped.get_data_dtype(), cropped.get_data_dtype()) == (np.uint8, np.int16)
        assert np.isnan([mapped.header["scl_slope"], mapped.header["scl_inter"]]).all()  # plain integers
        for one in (whole, cropped):  # one grid for all, about the origin
            np.testing.assert_allclose(one.affine @ [*(np.array(one.shape) - 1) / 2, 1], [0, 0, 0, 1], atol=1e-6)
            np.testing.assert_allclose(one.affine[:3, :3], np.diag([-1, 1, 1]))
        bright = [int(i) for i in np.argwhere(np.asarray(whole.dataobj) > 900)[0]]
        assert bright == [2, 3, 1]
        np.testing.assert_allclose(whole.affine @ [*bright, 1], [3, -3, -2, 1])  # the middle is 5, 6, 3


def test_lpba40_goes_on_where_it_stopped(small_lpba40, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(LPBA40, "PERSONS", ["S01", "S02", "S03", "S31"])
    release, out, other = tmp_path / "LPBA40", tmp_path / "out", tmp_path / "other"
    lpba40(release, LPBA40.PERSONS)
    labels = release / "delineation_space/S03/S03.delineation.structure.label.nii.gz"
    good = labels.read_bytes()
    save(labels, np.zeros(SHAPE, np.uint8))
    assert f"{labels}: has no label in it." in fails(capsys, LPBA40, release, out)
    begun = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert sorted({path.name[:3] for path in begun}) == ["S01", "S02"]
    assert len(begun) == 2 * 4  # whole and cropped, nothing half written, no table
    labels.write_bytes(good)
    (out / "cropped" / "S02.nii.gz").unlink()
    assert prepared(LPBA40, release, out) == 0
    kept = [path for path, time in begun.items() if path.stat().st_mtime_ns == time]
    assert {path.name[:3] for path in kept} == {"S01"}
    assert prepared(LPBA40, release, other) == 0
    assert contents(out) == contents(other)


def test_lpba40_errors(small_lpba40, tmp_path, capsys):
    release, out = tmp_path / "LPBA40", tmp_path / "out"
    assert f"{release}: there is no such folder" in fails(capsys, LPBA40, release, out)
    lpba40(release, [p for p in LPBA40.PERSONS if p not in ("S01", "S40")])
    assert "lacks 2 of 40 images S??.delineation.skullstripped: S01, S40." in fails(capsys, LPBA40, release, out)
    lpba40(release, ("S01", "S40"))
    wrong = release / "delineation_space/S01/S01.delineation.structure.label.nii.gz"
    wrong.rename(wrong.with_name("elsewhere.nii.gz"))
    assert "lacks 1 of 40 label maps S??.delineation.structure.label: S01." in fails(capsys, LPBA40, release, out)
    save(wrong, np.ones((5, 5, 5), np.uint8))
    assert f"{wrong}: lies on another grid than S01.delineation.skullstripped" in fails(capsys, LPBA40, release, out)
    save(wrong, np.full(SHAPE, 0.5, np.float32))
    assert f"{wrong}: a label map needs whole numbers" in fails(capsys, LPBA40, release, out)
    for kind, data in zip(("skullstripped", "structure.label"), volumes(3, (5, 12, 6)), strict=True):
        save(wrong.with_name(f"S01.delineation.{kind}.nii.gz"), data)
    assert "is no image in delineation space, of 11x13x7 voxels: 5x12x6" in fails(capsys, LPBA40, release, out)
    assert not out.exists()


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
    monkeypatch.setattr(CANDI, "CROP", (4, 17, 3))
    release, out, other = tmp_path / "SchizBull_2008", tmp_path / "out", tmp_path / "other"
    candi(release)
    assert prepared(CANDI, release, out, "--test", 2, "--reference", "HC_005") == 0
    assert "7 scans (the release has 103), reference HC_005" in capsys.readouterr().out
    split = split_of("pcswinmorph_candi", out / "pairs.csv")
    assert (len(split.train), len(split.test)) == (4, 2)
    assert {p.fixed.id for p in (*split.train, *split.test)} == {"HC_005"}
    assert {p.moving.id for p in (*split.train, *split.test)} == {f"HC_{i:03d}" for i in (1, 2, 3, 4, 6, 7)}
    cropped, labels = nib.load(out / "images/HC_003.nii.gz"), nib.load(out / "labels/HC_003.nii.gz")
    image, whole = volumes(3)  # the box of labels is 1:6, 2:11, 1:4, so its middle 3, 6, 2; the scan has 13 of 17
    expected = np.pad(whole, ((0, 0), (2, 2), (0, 0)))[2:6, :, 1:4]
    np.testing.assert_array_equal(np.asarray(labels.dataobj), expected)
    assert labels.get_data_dtype() == np.uint8
    padded = np.pad(image, ((0, 0), (2, 2), (0, 0)), constant_values=3)[2:6, :, 1:4]
    np.testing.assert_array_equal(np.asarray(cropped.dataobj), padded)
    assert nib.aff2axcodes(cropped.affine) == ("L", "I", "A")
    np.testing.assert_allclose(cropped.header.get_zooms(), (0.9375, 0.9375, 1.5))
    np.testing.assert_allclose(labels.affine, cropped.affine)
    # The brain's middle is at the origin: exactly where sizes are odd, half a voxel away where they are even.
    np.testing.assert_allclose(cropped.affine @ [3 - 2, 6 + 2, 2 - 1, 1], [0.9375 / 2, 0, 0, 1], atol=1e-6)
    (out / "labels/HC_003.nii.gz").unlink()
    before = (out / "labels/HC_004.nii.gz").stat().st_mtime_ns
    assert prepared(CANDI, release, out, "--test", 2, "--reference", "HC_005") == 0
    assert (out / "labels/HC_004.nii.gz").stat().st_mtime_ns == before
    assert prepared(CANDI, release, other, "--test", 2, "--reference", "HC_005") == 0
    assert contents(out) == contents(other)


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
    words = ("--test", 2, "--reference")
    assert "there is no such subject. Did you mean `HC_0" in fails(capsys, CANDI, release, out, *words, "HC_00")
    labels = next(release.rglob("HC_001_seg.nii.gz"))
    save(labels, np.zeros(SHAPE, np.uint8), CORONAL)
    assert f"{labels}: has no label in it." in fails(capsys, CANDI, release, out, "--test", 2)
    save(labels, volumes(1)[1])  # the right shape elsewhere in the world
    assert f"{labels}: lies on another grid than HC_001_procimg" in fails(capsys, CANDI, release, out, "--test", 2)
    labels.unlink()
    assert "HC_001_procimg.nii.gz: has no label map HC_001_seg.nii.gz beside it" in fails(capsys, CANDI, release, out)
    assert not out.exists()
