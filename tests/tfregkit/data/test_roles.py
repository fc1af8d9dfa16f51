"""Label maps in batches, and training on single scans."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scan_batches import Given, Listed, bare_settings, opened
from scan_files import SHAPE, subject, write_labels, write_scan

from tfregkit import build
from tfregkit.data.base import Pair, Split, Subject
from tfregkit.data.batches import Batches
from tfregkit.data.cache import Cache
from tfregkit.data.grid import Grid
from tfregkit.data.opening import open_data
from tfregkit.data.pairs import AllPairs
from tfregkit.data.roles import in_roles
from tfregkit.data.scans import Scans
from tfregkit.data.settings import DataSettings
from tfregkit.errors import DataError

SCANS = [subject(name) for name in "abcd"]


@pytest.fixture
def labelled(tmp_path):
    """Scans whose image is their label map, so that one shows what became of the other."""
    made = []
    for i in range(6):
        labels = write_labels(tmp_path / f"l{i}.nii", seed=i)
        made.append(Subject(id=f"s{i}", image=labels, labels=labels))
    return made


def test_labels_are_cropped_and_augmented_with_the_image(labelled, tmp_path):
    scans = Scans(bare_settings(), Grid(SHAPE, np.eye(4)), Cache(tmp_path / "cache"))
    options = {"seed": 3, "batch_size": 2, "crop": (5, 3, 7), "labels": True}
    turns = [build("augmentation", "flip", axes=[axis]) for axis in range(3)]
    plain = Batches(AllPairs(labelled, labelled), scans, **options)
    made = Batches(AllPairs(labelled, labelled), scans, **options, augmentations=turns)
    differs = 0
    for step in range(4):
        batch, before = made.batch(step), plain.batch(step)
        for role in ("moving", "fixed"):
            assert batch[f"{role}_labels"].dtype == np.int32
            np.testing.assert_array_equal(batch[role], batch[f"{role}_labels"])
            differs += int((batch[role] != before[role]).any())
    assert differs > 4


def test_labels_are_taken_from_the_nearest_voxel_of_the_scan(tmp_path):
    values = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.uint8) * 20
    scan = Subject("s", write_scan(tmp_path / "i.nii"), labels=write_scan(tmp_path / "l.nii", data=values))
    half = np.diag([0.5, 0.5, 0.5, 1.0])
    half[:3, 3] = -0.2
    scans = Scans(bare_settings(), Grid((10, 14, 22), half), Cache(tmp_path / "cache"))
    found = Batches([Pair(scan, scan)], scans, seed=0, batch_size=1, labels=True, roles=("fixed",)).batch(0)
    places = [np.clip(np.rint(0.5 * np.arange(2 * n) - 0.2), 0, n - 1).astype(int) for n in SHAPE]
    np.testing.assert_array_equal(found["fixed_labels"][0, ..., 0], values[np.ix_(*places)])


def test_scans_without_a_map_are_named(labelled, tmp_path):
    bare = [replace(scan, labels=None) if scan.id in ("s2", "s3") else scan for scan in labelled]
    with pytest.raises(DataError, match=r"looks at label maps, and these scans have none: s2, s3. Name the maps"):
        opened(bare, tmp_path, bare_settings(), labels=True)
    unseen = [replace(scan, labels=None) if scan.id == "s0" else scan for scan in labelled]
    with pytest.raises(DataError, match="have none: s0. Name"):  # it validates
        opened(unseen, tmp_path, bare_settings(), labels=True)
    assert "fixed_labels" not in opened(bare, tmp_path, bare_settings()).train.batch(0)


def test_one_role_gives_each_scan_once_and_alone(labelled, tmp_path):
    data = opened(labelled, tmp_path, bare_settings(), labels=True, roles=("fixed",))
    assert set(data.train.batch(0)) == {"fixed", "fixed_labels"}
    assert sorted(data.train.names(0)) == ["s2", "s3"]
    assert [pair.id for pair in (*data.validation, *data.test)] == ["s1", "s0", "s5", "s4"]
    assert set(data.train.pair(data.validation[0])) == {"fixed", "fixed_labels"}
    assert data.describe() == "2 training scans, 2 validation scans, 2 test scans; grid 5x7x11 of 1x1x1 mm"


def test_one_person_is_enough_for_single_scans(labelled, tmp_path):
    class Alone(Listed):
        def split(self, seed):
            return Split(train=[Pair(self.scans[0], self.scans[0])], test=[Pair(self.scans[1], self.scans[1])])

    values = {**bare_settings().__dict__, "dataset": Given(Alone(labelled)), "augmentations": [], "cache": tmp_path}
    settings = DataSettings.model_construct(**values)
    data = open_data(settings, seed=1, batch_size=3, roles=("fixed",), subjects=True)
    assert data.train.names(0) == ["s0"] * 3
    assert set(data.train.batch(0)) == {"fixed", "fixed_subject"}
    with pytest.raises(DataError, match="pairing `single` gives scans alone, and this training looks at pairs"):
        open_data(settings, seed=1, batch_size=3)


def test_taking_pairs_apart_tests_nobody_who_trained():
    a, b, c, d = SCANS
    apart = in_roles(Split([Pair(a, b), Pair(c, b)], [Pair(a, d)]), ("fixed",))
    assert [pair.id for pair in (*apart.train, *apart.validation)] == ["b", "d"]
    atlas = Split([Pair(a, d), Pair(b, d)], [], [Pair(c, d)])
    with pytest.raises(DataError, match="the fixed scans alone, and `d` is one in more than one split. Use `pairing"):
        in_roles(atlas, ("fixed",))
    assert [pair.id for pair in in_roles(atlas, ("moving",)).test] == ["c"]


def test_where_labels_are_learnt_the_padded_grid_keeps_the_scans_voxels(labelled, tmp_path):
    """5, 7 and 11 voxels are padded to 8, 8 and 12: centred, the grid would lie half a voxel off along every axis."""
    data = opened(labelled, tmp_path, bare_settings(), labels=True, roles=("fixed",), stride=4)
    batch = data.train.batch(0)
    for image, labels in zip(batch["fixed"], batch["fixed_labels"], strict=True):
        np.testing.assert_allclose(image - image.min(), labels, atol=1e-4)  # nothing is interpolated
    corner = np.rint(-data.grid.affine[:3, 3]).astype(int)
    for name, found in zip(data.train.names(0), batch["fixed_labels"], strict=True):
        scan = next(scan for scan in labelled if scan.id == name)
        inner = tuple(slice(start, start + size) for start, size in zip(corner, SHAPE, strict=True))
        np.testing.assert_array_equal(found[(*inner, 0)], nib.load(scan.labels).get_fdata())
    plain = opened(labelled, tmp_path, bare_settings(), stride=4)
    assert np.abs(plain.grid.affine - data.grid.affine).max() == 0.5
