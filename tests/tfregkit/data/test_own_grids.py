"""Scans on grids of their own: each over its own field of view, seen in crops."""

import nibabel as nib
import numpy as np
import pytest
from scan_batches import Given, bare_settings
from scan_files import write_scan
from world_grids import GRIDS

from tfregkit.data.base import Dataset, Pair, Split, Subject
from tfregkit.data.drawn_pairs import DrawnPairs
from tfregkit.data.opening import open_data
from tfregkit.data.own_grids import OwnGrids
from tfregkit.data.settings import DataSettings, GridSettings
from tfregkit.data.volume import read_grid
from tfregkit.errors import ConfigError, DataError

CROP = (7, 5, 8)


class Drawn(Dataset):
    """All scans but the last train, each with itself; the last validates."""

    def __init__(self, scans):
        self.scans = scans

    def split(self, seed):
        return Split(DrawnPairs([self.scans[:-1]], [1.0], same=1.0), [Pair(self.scans[-1], self.scans[-1])])


def world(path, shape, affine, labels=False):
    """A scan of which each voxel says where it is in the world, `x + 100 y + 10000 z` in mm; or a box of labels."""
    places = nib.affines.apply_affine(affine, np.stack(np.indices(shape), axis=-1))
    values = places @ [1, 100, 10000]
    if labels:
        values = np.zeros(shape, np.uint8)
        values[tuple(slice(n // 3, n // 3 + 3) for n in shape)] = 4
    return write_scan(path, data=values.astype(np.uint8 if labels else np.float32), affine=affine)


def settings(**values):
    own = {"spacing": (1.5, 1.5, 2.0), "mode": "own"}
    return bare_settings().model_copy(update={"grid": GridSettings(**own), "crop": CROP, **values})


def opened(scans, tmp_path, given=None, **options):
    given = (given or settings()).model_copy(update={"dataset": Given(Drawn(scans)), "cache": tmp_path / "cache"})
    options = {"roles": ("fixed",), "seed": 3, "batch_size": 2, **options}
    return open_data(given, **options)


@pytest.fixture
def scans(tmp_path):
    """Of three sizes, one flipped and exchanged, one oblique and anisotropic, one smaller than the crop."""
    affines = {
        "a": np.diag([1.5, 1.5, 2.0, 1.0]),
        "b": np.array([[0, 1.1, 0, -7], [-1.3, 0, 0, 9], [0, 0, 2.7, 3], [0, 0, 0, 1.0]]),
        "c": GRIDS["oblique"].affine,
        "d": np.diag([1.5, 1.5, 2.0, 1.0]),
    }
    shapes = {"a": (11, 13, 17), "b": (19, 17, 11), "c": GRIDS["oblique"].shape, "d": (4, 11, 13)}
    return [
        Subject(
            id=name,
            image=world(tmp_path / f"{name}.nii", shapes[name], affine),
            labels=world(tmp_path / f"{name}_seg.nii", shapes[name], affine, labels=True),
        )
        for name, affine in affines.items()
    ]


def test_each_grid_covers_its_own_scan_at_one_spacing(scans):
    grids = OwnGrids(scans, settings().grid, CROP)
    for scan in scans:
        grid, own = grids.of(scan), read_grid(scan.image)
        np.testing.assert_allclose(grid.affine[:3, :3], np.diag([1.5, 1.5, 2.0]), atol=1e-12)
        low, high = grid.corners_mm().min(axis=0), grid.corners_mm().max(axis=0)
        slack = 1e-3 * grid.spacing + (0.5 * grid.spacing if scan.id in "ad" else 0)
        assert (low <= own.corners_mm().min(axis=0) + slack).all()
        assert (high >= own.corners_mm().max(axis=0) - slack).all()
    assert grids.of(scans[0]).shape == (11, 13, 17)
    assert grids.padded == ["d"]
    assert grids.of(scans[3]).shape == (7, 11, 13)
    assert "7x5x8, which is larger than the scan: d" in grids.padding()
    assert OwnGrids(scans[:3], settings().grid, CROP).padding() == ""


def test_own_voxels_are_not_interpolated(scans, tmp_path):
    made = opened(scans, tmp_path, labels=True)
    stored = np.asarray(nib.load(scans[0].image).dataobj)
    np.testing.assert_array_equal(made.train.scans.load(scans[0], "fixed")["image"], stored)
    stored, padded = np.asarray(nib.load(scans[3].image).dataobj), made.train.scans.load(scans[3], "fixed")["image"]
    assert padded.shape == (7, 11, 13)  # three more than it has: whole voxels on both sides, not one and a half
    np.testing.assert_array_equal(padded[1:5], stored)


def test_half_of_the_crops_are_about_a_label_unless_said_otherwise(scans, tmp_path):
    shares = [opened(scans, tmp_path, settings(**values)).train.foreground for values in ({}, {"crop_foreground": 0.0})]
    assert shares == [0.5, 0.0]


def test_every_voxel_of_a_crop_is_from_its_place_in_the_world(scans, tmp_path):
    """Oblique, flipped and exchanged axes: the value at each voxel of the prepared scan is its world coordinate."""
    made = opened(scans, tmp_path, labels=True)
    for scan in scans[:3]:
        grid, image = made.train.scans.grid.of(scan), made.train.scans.load(scan, "fixed")["image"]
        places = grid.voxel_to_world(np.stack(np.indices(grid.shape), axis=-1))
        own = read_grid(scan.image)
        voxels = own.world_to_voxel(places)
        inside = ((voxels >= 2) & (voxels <= np.array(own.shape) - 3)).all(axis=-1)  # beyond the blur at the borders
        assert np.count_nonzero(inside) > 500
        np.testing.assert_allclose(image[inside], (places @ [1, 100, 10000])[inside], atol=0.6)


def test_batches_are_crops_at_a_place_of_their_own_with_their_labels(scans, tmp_path):
    made = opened(scans[:3], tmp_path, settings(crop_foreground=1.0), labels=True)
    batches = [made.train.batch(step) for step in range(6)]
    assert {value.shape for batch in batches for value in batch.values()} == {(2, *CROP, 1)}
    middles = [batch["fixed_labels"][(slice(None), *(n // 2 for n in CROP), 0)] for batch in batches]
    assert np.mean(np.concatenate(middles) == 4) > 0.9  # borders may keep a crop from its centre
    assert len({float(image.min()) for batch in batches for image in batch["fixed"]}) > 6


def test_validation_sees_one_crop_about_a_label(scans, tmp_path):
    made = opened(scans[:3], tmp_path, labels=True)
    one, again = (made.train.pair(made.validation[0]) for _ in range(2))
    assert one["fixed"].shape == one["fixed_labels"].shape == (1, *CROP, 1)
    assert one["fixed_labels"][(0, *(n // 2 for n in CROP), 0)] == 4
    for key, value in one.items():
        np.testing.assert_array_equal(value, again[key])


def test_pairs_are_cropped_each_at_its_own_place(scans, tmp_path):
    """With views, which need not correspond: two patches of one scan differ."""
    scan = scans[1]
    made = opened([scan, scans[2]], tmp_path, settings(distortions=[]), roles=("moving", "fixed"), views=True)
    batch = made.train.batch(0)
    assert (batch["moving"] != batch["fixed"]).any()
    np.testing.assert_array_equal(batch["fixed_view"], batch["fixed"])


def test_the_console_says_what_is_padded_once(scans, tmp_path):
    lines = opened(scans, tmp_path).describe().splitlines()
    assert lines[0].endswith("own grids of 1.5x1.5x2 mm, crops of 7x5x8")
    assert lines[1:] == ["padded up to the crop 7x5x8, which is larger than the scan: d"]


def test_registration_is_refused(scans, tmp_path):
    with pytest.raises(ConfigError, match=r"data.grid.mode: `own` .* compares the two scans of a pair voxel by voxel"):
        opened(scans, tmp_path, roles=("moving", "fixed"))


def test_spacings_that_differ_need_one_to_be_said(scans, tmp_path):
    with pytest.raises(DataError, match=r"different spacings: .*grid.spacing"):
        opened(scans, tmp_path, settings(grid=GridSettings(mode="own")))


def test_a_label_map_on_another_grid_is_refused(scans, tmp_path):
    labels = world(tmp_path / "other.nii", (19, 17, 11), np.diag([1, 1, 1, 1.0]), labels=True)
    bad = Subject(id="bad", image=scans[1].image, labels=labels)
    with pytest.raises(DataError, match=r"other.nii: lies on another grid than its image .*b.nii"):
        opened([bad, scans[0]], tmp_path, labels=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"grid": {"mode": "own"}}, "needs `crop`"),
        ({"grid": {"mode": "own", "shape": [8, 8, 8]}, "crop": CROP}, "Leave out: shape"),
        ({"crop": CROP, "crop_foreground": 0.5}, "go with `grid.mode: own`. Received: mode=resample"),
        ({"crop": CROP, "crop_margin": 4}, "go with `grid.mode: own`"),
    ],
)
def test_keys_that_do_not_go_together(values, message):
    with pytest.raises(ValueError, match=message):
        DataSettings(dataset="demo", **values)
