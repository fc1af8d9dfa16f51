import numpy as np
import pytest
from scan_batches import Add, bare_settings, opened
from scan_files import SHAPE, write_scan

from tfregkit.data.base import Subject
from tfregkit.data.batches import Batches
from tfregkit.data.cache import Cache
from tfregkit.data.grid import Grid
from tfregkit.data.others import Others
from tfregkit.data.pairs import AllPairs
from tfregkit.data.scans import Scans
from tfregkit.errors import DataError

CROP = (2, 7, 5)


@pytest.fixture
def coded(tmp_path):
    """Scans whose every voxel has its own number: 1000 per person, plus its place."""
    places = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    made = []
    for i in range(4):
        image = write_scan(tmp_path / f"c{i}.nii", data=1000 * i + places)
        labels = write_scan(tmp_path / f"k{i}.nii", data=places.astype(np.int16))
        made.append(Subject(id=f"s{i}", image=image, labels=labels))
    scans = Scans(bare_settings(), Grid(SHAPE, np.eye(4)), Cache(tmp_path / "cache"))

    def make(seed=0, people=made, batch_size=4, **kwargs):
        return Batches(AllPairs(people, people), scans, seed=seed, batch_size=batch_size, **kwargs)

    return make


def test_crops_are_at_one_place_in_all_arrays_of_an_item_and_at_many_over_items(coded):
    made, starts = coded(crop=CROP, others=True, labels=True), set()
    for step in range(20):
        batch = made.batch(step)
        assert {key: value.shape for key, value in batch.items()} == {key: (4, *CROP, 1) for key in batch}
        places = batch["moving"] % 1000
        for key, value in batch.items():
            np.testing.assert_array_equal(value % 1000, places, err_msg=key)
        for crop in places:
            first = int(crop.flat[0])
            start = np.unravel_index(first, SHAPE)
            np.testing.assert_array_equal(
                crop[..., 0], np.arange(np.prod(SHAPE)).reshape(SHAPE)[tuple(map(slice, start, np.add(start, CROP)))]
            )
            starts.add(start)
    assert starts == {(x, 0, z) for x in range(4) for z in range(7)}


def test_with_views_each_scan_is_cropped_at_a_place_of_its_own(coded):
    """So that an auxiliary patch of the same scan is another patch."""
    made, same = coded(crop=CROP, labels=True, distortions=[Add()]), []
    for step in range(8):
        batch = made.batch(step)
        for role in ("moving", "fixed"):
            np.testing.assert_array_equal(batch[role] % 1000, batch[f"{role}_labels"])
            assert len(np.unique(batch[f"{role}_view"] - batch[role]).round(3)) <= 4 * 4
        same += (batch["moving_labels"] == batch["fixed_labels"]).all(axis=(1, 2, 3, 4)).tolist()
    assert np.mean(same) < 0.2  # one place of 28


def test_crops_and_others_are_functions_of_seed_and_step_and_shared_by_replicas(coded):
    made, again = (coded(crop=CROP, others=True, labels=True, augmentations=[Add()]) for _ in range(2))
    again.batch(8)
    whole, parts = made.batch(3), [again.batch(3, replica=r, replicas=2) for r in range(2)]
    assert set(whole) == {"moving", "moving_labels", "fixed", "fixed_labels", "moving_others", "fixed_others"}
    for key, value in whole.items():
        np.testing.assert_array_equal(value, np.concatenate([part[key] for part in parts]), err_msg=key)
    other = coded(seed=1, crop=CROP, others=True, labels=True, augmentations=[Add()]).batch(3)
    assert all((whole[key] != other[key]).any() for key in whole)


def test_crops_and_others_leave_pairs_and_augmentations_as_they_were(coded):
    plain, made = coded(augmentations=[Add()]), coded(augmentations=[Add()], crop=SHAPE, others=True)
    for key, value in plain.batch(2).items():
        np.testing.assert_array_equal(value, made.batch(2)[key])


def test_validation_pairs_are_whole(coded):
    made = coded(crop=CROP, others=True)
    batch = made.pair(made.pairs[0])
    assert batch["moving"].shape == (1, *SHAPE, 1)
    assert set(batch) == {"moving", "moving_labels", "fixed", "fixed_labels"}


def test_a_crop_larger_than_the_grid_is_refused(coded):
    with pytest.raises(DataError, match=r"`data.crop` is larger .*crop \[5, 8, 5\], grid \[5, 7, 11\]"):
        coded(crop=(5, 8, 5))


def test_others_are_neither_of_the_two_and_everybody_else_in_turn(coded):
    made, seen = coded(others=True), set()
    for step in range(30):
        batch = made.batch(step)
        people = [[int(image.min()) // 1000 for image in batch[key]] for key in batch if not key.endswith("labels")]
        for moving, fixed, *others in zip(*people, strict=True):
            assert moving not in others
            assert fixed not in others
            seen.add((moving, fixed, *others))
    assert len(seen) == 12 * 2 * 2  # both roles draw on their own


def test_others_are_augmented_each_on_its_own_unless_together(coded):
    def added(together):
        batch = coded(others=True, augmentations=[Add(together=together)]).batch(0)
        names = ("moving", "fixed", "moving_others", "fixed_others")
        return [{round(float(image.flat[0]) % 1, 2) for image in batch[name]} for name in names]

    assert len(set.union(*added(False))) > 12
    assert added(True)[0] == added(True)[1] == added(True)[2] == added(True)[3]


def test_others_need_a_third_person(coded):
    two = list(coded().pairs.moving[:2])
    with pytest.raises(DataError, match=r"at least three persons in each role.* moving training scans of s0, s1"):
        coded(people=two, others=True)


def test_others_are_scans_of_the_role(coded):
    pool = coded().pairs.moving
    pairs = AllPairs(pool[:2], pool[2:])
    others = Others(pairs, seed=0)
    for item, pair in enumerate(pairs):
        drawn = others.draw(pair, item)
        assert {drawn["moving"].id, pair.moving.id} == {"s0", "s1"}
        assert {drawn["fixed"].id, pair.fixed.id} == {"s2", "s3"}


def test_batches_say_whose_images_they_hold(coded):
    """The same number for the same person in both roles and all replicas' shares."""
    made = coded(subjects=True)
    for step in range(5):
        batch = made.batch(step)
        for role in ("moving", "fixed"):
            numbers = batch[f"{role}_subject"]
            assert (numbers.shape, numbers.dtype) == ((4, 1), np.int32)
            np.testing.assert_array_equal(numbers[:, 0], [int(image.min()) // 1000 for image in batch[role]])
    shares = [made.batch(3, replica=replica, replicas=2)["fixed_subject"] for replica in range(2)]
    np.testing.assert_array_equal(np.concatenate(shares), made.batch(3)["fixed_subject"])
    assert not any(key.endswith("_subject") for key in coded().batch(0))


@pytest.fixture
def subjects(tmp_path):
    return [Subject(id=f"s{i}", image=write_scan(tmp_path / f"s{i}.nii", seed=i)) for i in range(6)]


def test_open_data_crops_to_the_networks_stride(subjects, tmp_path):
    cropped = bare_settings().model_copy(update={"crop": (4, 4, 8)})
    data = opened(subjects, tmp_path, cropped, stride=4)
    assert data.train.batch(0)["moving"].shape == (2, 4, 4, 8, 1)
    assert data.describe().endswith("grid 8x8x12 of 1x1x1 mm, crops of 4x4x8")
    with pytest.raises(DataError, match=r"`data.crop` must be multiples of 8 .*\[4, 4, 8\]; try \[8, 8, 8\]"):
        opened(subjects, tmp_path, cropped, stride=8)


def test_open_data_says_when_others_cannot_be_drawn(subjects, tmp_path):
    with pytest.raises(DataError, match=r"moving training scans of s2, s3"):
        opened(subjects, tmp_path, bare_settings(), others=True)
    assert set(opened(subjects, tmp_path, bare_settings()).train.batch(0)) == {"moving", "fixed"}
