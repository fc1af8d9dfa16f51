"""scripts/prepare_dhcp.py on a small release made up in all three layouts."""

import csv
import importlib.util
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tfregkit.data.tables import read_scans
from tfregkit.inference.affine_file import write_affine

PATH = Path(__file__).parents[2] / "scripts" / "prepare_dhcp.py"
SPEC = importlib.util.spec_from_file_location("prepare_dhcp", PATH)
script = importlib.util.module_from_spec(SPEC)
sys.modules["prepare_dhcp"] = script
SPEC.loader.exec_module(script)
SHAPE = (24, 28, 22)
AFFINE = np.array([[-2.0, 0, 0, 40], [0, 2.0, 0, -9], [0, 0, 2.0, 5], [0, 0, 0, 1]])
KINDS = ("T1w", "T2w", "drawem9", "mask")


def write_session(release, subject, session, age=40.0, layout=0, kinds=KINDS):
    """An ellipsoid of label 3 with a core of label 7, all around it Draw-EM's background 4; bright skull outside."""
    folder = release / f"sub-{subject}" / f"ses-{session}" / "anat"
    folder.mkdir(parents=True)
    points = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    radius = np.sqrt((((points - (10, 15, 9)) / (6, 8, 5)) ** 2).sum(-1))
    labels = np.where(radius < 0.5, 7, np.where(radius < 1, 3, 4)).astype(np.int16)
    labels[radius > 1.5] = 0
    data = {
        "T1w": np.where(labels == 7, 200, np.where(labels == 3, 100, 500)).astype(np.float32),
        "T2w": np.where(labels == 7, 100, np.where(labels == 3, 300, 500)).astype(np.float32),
        "drawem9": labels,
        "mask": (radius < 1).astype(np.uint8),
    }
    for kind in kinds:
        name = script.NAMES[kind][min(layout, len(script.NAMES[kind]) - 1)]
        nib.save(nib.Nifti1Image(data[kind], AFFINE), folder / f"sub-{subject}_ses-{session}_{name}.nii.gz")
    if age is not None:
        path = release / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
        known = path.read_text() if path.is_file() else "session_id\tscan_age\tsedation\n"
        path.write_text(f"{known}ses-{session}\t{age}\t0\n")


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(script, "SHAPE", (32, 32, 32))
    monkeypatch.setattr(script, "SPACING", (1.1, 1.2, 1.3))


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "release"
    for number in range(5):
        write_session(folder, f"CC{number}", "1", layout=number % 3, age=None if number == 3 else 40.0)
    write_session(folder, "CC4", "2")  # a second scan
    write_session(folder, "OLD", "1", age=45.3)
    write_session(folder, "NOT1", "1", kinds=("T2w", "drawem9"))
    return folder


def prepared(release, out, *words):
    return script.main([str(release), str(out), "--split", "3/1/1", *words])


def rows(out):
    return list(csv.DictReader((out / "scans.csv").open()))


def test_numbers_are_the_papers():
    assert (script.SHAPE, script.SPACING) == ((160, 192, 160), (0.6132, 0.6257, 0.6572))
    assert (script.SPLIT, script.AGES) == ((405, 23, 64), (29.0, 45.0))


def test_the_table_is_what_the_configuration_reads(small, release, tmp_path, capsys):
    out = tmp_path / "out"
    assert prepared(release, out) == 0
    shown = capsys.readouterr().out
    assert (
        "'without T1w, T2w or labels': 1, 'outside of 29 to 45 weeks': 1, 'second scans': 1}; age known of 4" in shown
    )
    scans = read_scans(out / "scans.csv")
    assert sorted((scan.subject, scan.modality) for scan, _ in scans) == [
        (f"CC{i}", modality) for i in range(5) for modality in ("T1w", "T2w")
    ]
    parts = {scan.subject: part for scan, part in scans}
    assert sorted(parts.values()) == ["test", "train", "train", "train", "validation"]
    assert all(parts[scan.subject] == part for scan, part in scans)
    assert {row["age"] for row in rows(out)} == {"40.0", ""}


def test_images_are_the_brain_alone_on_the_grid_with_their_labels(small, release, tmp_path):
    out = tmp_path / "out"
    prepared(release, out)
    for scan, _ in read_scans(out / "scans.csv"):
        image, labels = nib.load(scan.image), nib.load(scan.labels)
        assert image.shape == labels.shape == (32, 32, 32)
        np.testing.assert_allclose(image.header.get_zooms(), (1.1, 1.2, 1.3), rtol=1e-5)
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        values, structures = image.get_fdata(), labels.get_fdata()
        assert set(np.unique(structures)) == {0, 3, 7}
        assert values.max() <= (201 if scan.modality == "T1w" else 301)  # no skull
        core = np.median(values[structures == 7])
        assert core == pytest.approx(200 if scan.modality == "T1w" else 100, rel=0.02)
        middle = (np.array(np.nonzero(structures)).T @ np.diag((1.1, 1.2, 1.3))).mean(axis=0)
        np.testing.assert_allclose(middle, 15.5 * np.array((1.1, 1.2, 1.3)), atol=1.2)  # centred


def test_a_given_affine_is_applied(small, release, tmp_path):
    template, affines = tmp_path / "template.nii.gz", tmp_path / "affines"
    grid = np.diag([1.1, 1.2, 1.3, 1.0])
    grid[:3, 3] = (3, -7, 11)
    nib.save(nib.Nifti1Image(np.ones((32, 32, 32), np.float32), grid), template)
    affines.mkdir()
    shift = np.eye(4)
    shift[:3, 3] = AFFINE[:3, :3] @ (10, 15, 9) + AFFINE[:3, 3] - (grid[:3, :3] @ (10, 16, 20) + grid[:3, 3])
    for number in range(5):
        write_affine(affines / f"CC{number}_1.txt", shift)
    out = tmp_path / "out"
    assert prepared(release, out, "--template", str(template), "--affines", str(affines)) == 0
    labels = nib.load(out / "labels" / "CC0_1.nii.gz")
    np.testing.assert_allclose(labels.affine, grid, atol=1e-4)
    np.testing.assert_allclose(np.argwhere(labels.get_fdata() == 7).mean(axis=0), (10, 16, 20), atol=0.5)
    (affines / "CC2_1.txt").unlink()
    assert prepared(release, tmp_path / "again", "--template", str(template), "--affines", str(affines)) == 2


def test_an_affine_to_the_template_is_fitted_and_kept(small, release, tmp_path):
    """The template is the first brain, 15 % larger and elsewhere."""
    grid = AFFINE @ np.diag([1.15, 1.15, 1.15, 1.0])
    grid[:3, 3] = (70, -40, 20)
    brain = nib.load(next((release / "sub-CC0").rglob("*restore*_T2w*")))
    labels = np.asarray(nib.load(next((release / "sub-CC0").rglob("*drawem9*"))).dataobj)
    brain = np.where((labels == 3) | (labels == 7), brain.get_fdata(), 0).astype(np.float32)
    nib.save(nib.Nifti1Image(brain, grid), tmp_path / "template.nii.gz")
    out = tmp_path / "out"
    assert prepared(release, out, "--template", str(tmp_path / "template.nii.gz"), "--split", "1/0/0") == 0
    (written,) = (out / "affines").glob("*.txt")
    found = script.read_affine(written)
    corners = np.array([[4, 7, 4, 1], [16, 23, 14, 1], [10, 15, 9, 1]]).T
    np.testing.assert_allclose((found @ grid @ corners)[:3], (AFFINE @ corners)[:3], atol=1.5)  # mm; voxels are 2


def test_started_again_it_goes_on_and_gives_the_same(small, release, tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    prepared(release, out)
    table, gone = (out / "scans.csv").read_text(), out / "images" / "CC1_1_T1w.nii.gz"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}
    data = np.asarray(nib.load(gone).dataobj)
    gone.unlink()
    prepared(release, out)
    assert (out / "scans.csv").read_text() == table
    np.testing.assert_array_equal(np.asarray(nib.load(gone).dataobj), data)
    kept = {path for path, time in before.items() if path.stat().st_mtime_ns == time}
    assert {path for path in before if "CC1" not in path.name} == kept
    prepared(release, other)
    assert (other / "scans.csv").read_text() == table


def test_the_split_depends_on_the_seed_alone():
    persons = [f"CC{i}" for i in range(40)]
    one = script.split_persons(persons, (20, 5, 10), seed=1)
    assert one == script.split_persons(persons[::-1], (20, 5, 10), seed=1)
    assert one != script.split_persons(persons, (20, 5, 10), seed=2)
    assert [list(one.values()).count(part) for part in script.PARTS] == [20, 5, 10]


def fails(capsys, *words):
    assert script.main([str(word) for word in words]) == 2
    return capsys.readouterr().err


def test_errors(small, release, tmp_path, capsys):
    out = tmp_path / "out"
    assert "has no folders sub-*/ses-*/anat" in fails(capsys, tmp_path / "nowhere", out)
    assert "5 persons are too few for 405/23/64" in fails(capsys, release, out)
    assert "--affines needs --template" in fails(capsys, release, out, "--affines", tmp_path)
    assert "no session has a T1w, a T2w and drawem87" in fails(capsys, release, out, "--labels", "drawem87")
    prepared(release, out)
    assert "begun with other settings (seed 1)" in fails(capsys, release, out, "--split", "3/1/1", "--seed", "2")
    wrong = next((release / "sub-CC2").rglob("*T1w*"))
    nib.save(nib.Nifti1Image(np.ones((5, 5, 5), np.float32), AFFINE), wrong)
    message = fails(capsys, release, tmp_path / "new", "--split", "3/1/1")
    assert f"{wrong}: lies on another grid than the T2w" in message
    (release / "sub-CC0" / "sub-CC0_sessions.tsv").write_text("session_id\tscan_age\nses-1\told\n")
    assert "age at scan of session 1 is no number" in fails(capsys, release, tmp_path / "new")
