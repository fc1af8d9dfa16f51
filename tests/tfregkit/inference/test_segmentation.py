"""Labels carried from atlases to an image, with networks whose fields are known."""

import json

import nibabel as nib
import numpy as np
import pytest
from phantoms import CENTRE, Constant, fixed_image, moving_image, places, shift
from world_grids import GRIDS, affine_matrix, grid

from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.volume import nifti_image, working_grid, write_volume
from tfregkit.errors import DataError
from tfregkit.inference.atlas import Atlas
from tfregkit.inference.registration import Registration

SPACING = 1.0
PLAIN = grid((16, 16, 16), np.eye(3), (1.0, 1.0, 1.0))  # its own working grid


def regions(points_mm):
    """Two labels and a background from world points: halves of a ball."""
    offset = points_mm - CENTRE
    ball = np.linalg.norm(offset, axis=-1) < 7.0
    return (ball * np.where(offset[..., 0] < 1.0, 3, 300)).astype(np.int32)


def undone(points_mm, affine):
    """The anatomy's points of an atlas that the phantom's transform and an affine have moved."""
    before = points_mm @ np.linalg.inv(affine)[:3, :3].T + np.linalg.inv(affine)[:3, 3]
    after = before.copy()
    for _ in range(50):
        after = before - shift(after)
    return after


def nifti(data, on):
    return nifti_image(data, on)


def noise(seed, on=PLAIN):
    return nifti(np.random.default_rng(seed).normal(100, 20, on.shape).astype(np.float32), on)


@pytest.mark.parametrize("pair", [("las", "oblique"), ("permuted", "anisotropic")], ids="-".join)
def test_a_known_transform_gives_the_true_labels(pair):
    atlas_grid, image_grid = (GRIDS[name] for name in pair)
    start = affine_matrix(3)
    working = working_grid(image_grid, SPACING, stride=8)
    network = Constant(displacement=(shift(places(working)) / SPACING).astype(np.float32))
    atlas = moving_image(atlas_grid, start)
    labels = nifti(regions(undone(places(atlas_grid), start)), atlas_grid)
    image = fixed_image(image_grid)
    found = Registration(network, SPACING).segment(
        nifti(image.data, image_grid), [(nifti(atlas.data, atlas_grid), labels)], init=start
    )
    assert found.labels.shape == image_grid.shape
    np.testing.assert_allclose(found.labels.affine, image_grid.affine, atol=1e-5)
    data, truth = np.asarray(found.labels.dataobj), regions(places(image_grid))
    target = places(image_grid) + shift(places(image_grid))
    target = target @ start[:3, :3].T + start[:3, 3]

    voxels = atlas_grid.world_to_voxel(target)  # the atlas' voxel that holds the point has its label
    known = np.all(np.abs(voxels - np.floor(voxels) - 0.5) > 0.08, axis=-1)
    known &= np.all((voxels > 0) & (voxels < np.array(atlas_grid.shape) - 1), axis=-1)
    nearest = np.asarray(labels.dataobj)[tuple(np.rint(voxels[known]).astype(int).T)]
    np.testing.assert_array_equal(data[known], nearest)
    assert known.mean() > 0.3

    reach = np.linalg.norm(atlas_grid.spacing) / 2 + 0.1  # so beyond half a voxel from a border it is the truth
    offset = places(image_grid) - CENTRE
    clear = np.abs(np.linalg.norm(offset, axis=-1) - 7.0) > reach
    clear &= (np.abs(offset[..., 0] - 1.0) > reach) | (truth == 0)
    np.testing.assert_array_equal(data[clear], truth[clear])
    assert {0, 3, 300} == set(truth[clear])
    np.testing.assert_array_equal(found.votes.dataobj, 1.0)


def shifted_by(voxels, name):
    """A network whose one field moves by whole voxels, and whose other field is something else."""
    fields = {"displacement": (0.0, 0.0, 0.0), "inverse": (0.0, 0.0, 0.0), name: voxels}
    return Constant(**{key: np.full((*PLAIN.shape, 3), value, np.float32) for key, value in fields.items()})


@pytest.mark.parametrize(("role", "name"), [("moving", "displacement"), ("fixed", "inverse")])
def test_the_field_that_leads_from_the_image_to_the_atlas_carries_the_labels(role, name):
    labels = np.random.default_rng(2).integers(0, 5, PLAIN.shape).astype(np.uint8)
    registration = Registration(shifted_by((2.0, -1.0, 3.0), name), SPACING)
    found = registration.segment(noise(0), [(noise(1), nifti(labels, PLAIN))], atlas_role=role)
    expected = np.zeros(PLAIN.shape, np.uint8)  # beyond the atlas: background
    expected[:-2, 1:, :-3] = labels[2:, :-1, 3:]
    np.testing.assert_array_equal(found.labels.dataobj, expected)
    assert found.about["atlas_role"] == role


@pytest.mark.parametrize("role", ["moving", "fixed"])
def test_each_image_is_normalised_in_its_role(role):
    network = Constant()
    window = NormalisationSettings(mode="window", window=(0.0, 10.0))  # clips everything there is to 1
    none = NormalisationSettings(mode="none")
    registration = Registration(network, SPACING, moving_normalisation=window, fixed_normalisation=none)
    seen = []
    original = registration.register
    registration.register = lambda **images: seen.append(images) or original(**images)
    registration.segment(noise(0), [(noise(1), nifti(np.ones(PLAIN.shape, np.uint8), PLAIN))], atlas_role=role)
    (images,) = seen
    assert isinstance(images[role], nib.Nifti1Image)  # the atlas, as it was given; the image has been read already
    np.testing.assert_allclose(network.seen.numpy(), [1.0, 1.0])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [((0, 255), np.uint8), ((-1, 3), np.int16), ((0, 60000), np.uint16), ((-1, 60000), np.int32)],
)
def test_the_smallest_type_that_holds_all_labels(values, dtype):
    for stored in (np.int32, np.float32):
        first, second = (np.zeros(PLAIN.shape, stored) for _ in range(2))
        first[3:9], second[3:9] = values[1], values[0] or 1
        atlases = [(noise(1), nifti(first, PLAIN)), (noise(2), nifti(second, PLAIN))]
        labels = Registration(Constant(), SPACING).segment(noise(0), atlases).labels
        assert labels.get_data_dtype() == dtype
        assert np.asarray(labels.dataobj)[5, 5, 5] == min(values[1], values[0] or 1)  # a tie


def test_an_atlas_that_looks_like_the_image_outvotes_two_that_do_not():
    right, wrong = np.zeros(PLAIN.shape, np.uint8), np.zeros(PLAIN.shape, np.uint8)
    right[4:12], wrong[6:14] = 2, 9
    atlases = [(noise(5), nifti(wrong, PLAIN)), (noise(0), nifti(right, PLAIN)), (noise(6), nifti(wrong, PLAIN))]
    registration = Registration(Constant(), SPACING)
    equal, alike = (registration.segment(noise(0), atlases, weights=name) for name in ("equal", "similarity"))
    np.testing.assert_array_equal(equal.labels.dataobj, wrong)
    np.testing.assert_array_equal(alike.labels.dataobj, right)
    np.testing.assert_allclose(np.asarray(equal.votes.dataobj)[7], 2 / 3, rtol=1e-6)
    assert np.asarray(alike.votes.dataobj)[7].min() > 0.5
    assert equal.about["labels_lost"] == [2]
    assert alike.about["labels_lost"] == [9]


def test_the_image_is_read_once_and_each_atlas_is_told(monkeypatch):
    from tfregkit.inference import inputs

    read, original = [], inputs.read_volume
    monkeypatch.setattr(inputs, "read_volume", lambda source: read.append(source) or original(source))
    image, labels, told = noise(0), nifti(np.ones(PLAIN.shape, np.uint8), PLAIN), []
    atlases = [(noise(1), labels), (noise(2), labels)]
    Registration(Constant(), SPACING).segment(image, atlases, report=lambda *numbers: told.append(numbers))
    assert told == [(1, 2), (2, 2)]
    assert sum(source is image for source in read) == 1


def test_files_carry_their_story(tmp_path):
    labels = np.ones(PLAIN.shape, np.int16)
    files = {}
    for name, image in {"a": noise(1), "l": nifti(labels, PLAIN), "f": noise(0)}.items():
        files[name] = tmp_path / f"{name}.nii.gz"
        nib.save(image, files[name])
    registration = Registration(Constant(), SPACING, about={"path": "runs/x"})
    found = registration.segment(files["f"], [(files["a"], files["l"])], init="moments")
    found.save(tmp_path / "o" / "s.nii.gz", tmp_path / "o" / "v.nii.gz")
    said = json.loads((tmp_path / "o" / "s.json").read_text())
    (atlas,) = said["atlases"]
    assert (said["image"]["path"], atlas["image"]["path"], atlas["labels"]["path"]) == tuple(
        str(files[name]) for name in ("f", "a", "l")
    )
    assert all(len(entry["sha256"]) == 64 for entry in (said["image"], atlas["image"], atlas["labels"]))
    assert (said["run"], said["weights"], said["lambda"], said["refine_steps"]) == (
        {"path": "runs/x"},
        "equal",
        None,
        0,
    )
    assert atlas["deformation"]["folds_percent"] == 0
    np.testing.assert_allclose(np.linalg.det(atlas["affine_start_ras_mm"]), 1.0)
    assert set(found.seconds) >= {"read", "network", "labels", "vote"}


def test_labels_on_another_grid_name_both_files(tmp_path):
    write_volume(tmp_path / "a.nii.gz", np.asarray(noise(1).dataobj), PLAIN)
    write_volume(tmp_path / "l.nii.gz", np.ones(GRIDS["las"].shape, np.uint8), GRIDS["las"])
    with pytest.raises(DataError, match=r"l\.nii\.gz: lies on another grid than its image .*a\.nii\.gz"):
        Atlas.read(tmp_path / "a.nii.gz", tmp_path / "l.nii.gz")


def test_what_cannot_work_is_said():
    registration, ones = Registration(Constant(), SPACING), nifti(np.ones(PLAIN.shape, np.uint8), PLAIN)
    with pytest.raises(DataError, match="at least one atlas"):
        registration.segment(noise(0), [])
    with pytest.raises(DataError, match="every voxel is 0, so there is no label"):
        registration.segment(noise(0), [(noise(1), nifti(np.zeros(PLAIN.shape, np.uint8), PLAIN))])
    with pytest.raises(ValueError, match="`atlas_role` must be moving or fixed. Received: atlas_role='both'"):
        registration.segment(noise(0), [(noise(1), ones)], atlas_role="both")
    with pytest.raises(ValueError, match="`weights` must be equal or similarity. Received: weights='ncc'"):
        registration.segment(noise(0), [(noise(1), ones)], weights="ncc")
    with pytest.raises(ValueError, match=r"`lam` must be one number. Received: lam=\[0.1, 0.5\]"):
        registration.segment(noise(0), [(noise(1), ones)], lam=[0.1, 0.5])
    far = grid((16, 16, 16), np.eye(3), (1.0, 1.0, 1.0), centre=(500.0, 0.0, 0.0))
    with pytest.raises(DataError, match=r"do not overlap in the world: .*`--init moments`"):
        registration.segment(noise(0, far), [(noise(1), ones)])
