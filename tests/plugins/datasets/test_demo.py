import json
from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from tfregkit.data.pairs import sides
from tfregkit_plugins.datasets import demo
from tfregkit_plugins.datasets.demo import Demo
from tfregkit_plugins.datasets.demo_anatomy import STRUCTURES

SMALL = {"subjects": 6, "validation": 2, "test": 2, "spacing": 5.0, "points": 401}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Made once for all tests of this file."""
    folder = tmp_path_factory.mktemp("demo")
    Demo(**SMALL, folder=folder).files()
    return folder


@pytest.fixture
def people(cache):
    split = Demo(**SMALL, folder=cache).split(0)
    return {scan.subject: scan for part in (split.train, split.validation, split.test) for scan in sides(part)[0]}


def values(path):
    return np.asarray(nib.load(path).dataobj)


def points(scan):
    return np.loadtxt(scan.points, delimiter=",", skiprows=1)


def dice(a, b):
    return np.mean([2 * ((a == k) & (b == k)).sum() / ((a == k).sum() + (b == k).sum()) for k in STRUCTURES.values()])


def test_the_split_is_by_number(cache):
    split = Demo(**SMALL, folder=cache).split(0)
    assert [pair.id for pair in split.train] == ["sub-01_T1_to_sub-02_T1", "sub-02_T1_to_sub-01_T1"]
    assert [pair.id for pair in split.validation] == ["sub-03_T1_to_sub-04_T1", "sub-04_T1_to_sub-03_T1"]
    assert [pair.id for pair in split.test] == ["sub-05_T1_to_sub-06_T1", "sub-06_T1_to_sub-05_T1"]


def test_files_are_written_once(cache):
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    assert list(Demo(**SMALL, folder=cache).split(7).train) == list(Demo(**SMALL, folder=cache).split(8).train)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before
    (folder,) = cache.iterdir()
    assert sorted(path.name for path in folder.glob("sub-01*")) == [
        "sub-01_T1.nii.gz",
        "sub-01_T2.nii.gz",
        "sub-01_labels.nii.gz",
        "sub-01_points.csv",
    ]
    assert json.loads((folder / "structures.json").read_text())["ventricles"] == [7]


def test_people_have_all_structures_in_their_places(people):
    for scan in people.values():
        image, labels = nib.load(scan.image), values(scan.labels)
        assert image.shape == labels.shape
        assert set(np.unique(labels)) == {0, *STRUCTURES.values()}
        x_mm = {name: (image.affine @ [*np.argwhere(labels == k).mean(axis=0), 1])[0] for name, k in STRUCTURES.items()}
        assert x_mm["left_cortex"] < -20 < 20 < x_mm["right_cortex"]
        assert abs(x_mm["ventricles"]) < 10
        t1 = values(scan.image)
        assert t1[labels == 1].mean() > 1.15 * t1[labels == 3].mean() > 1.15**2 * t1[labels == 7].mean()
        assert t1.dtype == np.int16
        edges = [t1[[0, -1]], t1[:, [0, -1]], t1[:, :, -1:]]  # the template itself is cut below
        assert not any(edge.any() for edge in edges)


def test_t2_has_the_opposite_order_of_brightness(people):
    for scan in people.values():
        t2, labels = values(str(scan.image).replace("_T1", "_T2")), values(scan.labels)
        assert 1.15 * t2[labels == 1].mean() < t2[labels == 3].mean() < t2[labels == 7].mean() / 1.15


def test_people_differ(people):
    scans = list(people.values())
    for a, b in zip(scans, scans[1:], strict=False):
        assert 0.3 < dice(values(a.labels), values(b.labels)) < 0.75
        assert 3 < np.linalg.norm(points(a) - points(b), axis=1).mean() < 12


def test_the_landmarks_are_the_truth(people):
    """A field made of the landmarks alone takes one person to another: labels and image agree far better."""
    from scipy.interpolate import RBFInterpolator

    moving, fixed = people["sub-05"], people["sub-06"]
    affine = nib.load(fixed.image).affine
    to_moving = RBFInterpolator(points(fixed), points(moving) - points(fixed), smoothing=0)
    grid = np.stack(np.meshgrid(*map(np.arange, values(fixed.image).shape), indexing="ij"), axis=-1).reshape(-1, 3)
    world = grid @ affine[:3, :3].T + affine[:3, 3]
    places = ((world + to_moving(world)) - affine[:3, 3]) / np.diag(affine)[:3]
    shape = values(fixed.image).shape

    def moved(path, order):
        return ndimage.map_coordinates(values(path), places.T, order=order).reshape(shape)

    before = dice(values(moving.labels), values(fixed.labels))
    after = dice(moved(moving.labels, 0), values(fixed.labels))
    assert after > before + 0.1
    assert np.corrcoef(moved(moving.image, 1).ravel(), values(fixed.image).ravel())[0, 1] > 0.93


def test_two_modalities(cache):
    split = Demo(**SMALL, folder=cache, fixed_modality="T2").split(0)
    assert [pair.id for pair in split.train] == ["sub-01_T1_to_sub-02_T2", "sub-02_T1_to_sub-01_T2"]
    assert split.train[0].fixed.image.is_file()


def test_two_at_once_make_the_same_files(tmp_path, monkeypatch):
    anatomy = demo.load_anatomy(8.0, 3)
    monkeypatch.setattr(demo, "load_anatomy", lambda spacing, points: anatomy)
    demos = [Demo(subjects=4, validation=0, test=0, spacing=8.0, points=3, folder=tmp_path) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        folders = set(pool.map(Demo.files, demos))
    assert len(folders) == 1
    assert [path.name for path in tmp_path.iterdir()] == [folders.pop().name]


def test_too_few_people():
    with pytest.raises(ValueError, match="`subjects` must leave two to train"):
        Demo(subjects=4, validation=2, test=1)
