import numpy as np
import pytest

from tfregkit.data.crops import PER_LABEL, Crops, cut, draw_start, label_places

SHAPE, CROP = (11, 13, 17), (5, 3, 7)
VOLUME = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
NONE = np.zeros((0, 4), np.int32)


def labels():
    """Label 3 in one voxel, label 7 in many, background elsewhere, unknown (-1) in a corner."""
    made = np.zeros(SHAPE, np.int16)
    made[2:9, 3:11, 4:14], made[6, 6, 8], made[0, 0, 0] = 7, 3, -1
    return made


def starts(places, share, count=3000):
    return np.array([draw_start(SHAPE, CROP, places, share, np.random.default_rng([5, i])) for i in range(count)])


def test_places_are_the_labelled_voxels():
    places = label_places(labels())
    assert places.dtype == np.int32
    np.testing.assert_array_equal(np.unique(places[:, 0]), [3, 7])
    assert (np.diff(places[:, 0]) >= 0).all()
    np.testing.assert_array_equal(labels()[tuple(places[:, 1:].T)], places[:, 0])
    assert len(places) == np.count_nonzero(labels() > 0)
    assert len(label_places(np.zeros(SHAPE, np.uint8))) == 0


def test_large_structures_keep_some_of_their_voxels():
    many = np.zeros((29, 31, 23), np.uint8)
    many[1:], many[0, 0, 0] = 2, 1
    places = label_places(many)
    assert np.bincount(places[:, 0]).tolist() == [0, 1, PER_LABEL]
    assert len(np.unique(places, axis=0)) == len(places)
    np.testing.assert_array_equal(places, label_places(many))
    np.testing.assert_allclose(places[1:, 1:].mean(axis=0), (14.5, 15, 11), atol=0.8)


def test_crops_are_centred_on_each_label_as_often_and_elsewhere_anywhere():
    found = starts(label_places(labels()), 1.0)
    rare = (found == np.array([6, 6, 8]) - np.array(CROP) // 2).all(axis=1)
    assert 0.45 < rare.mean() < 0.56  # one voxel of 560, but one of two labels
    assert len(np.unique(found, axis=0)) > 300
    room = np.array(SHAPE) - CROP
    assert (found >= 0).all()
    assert (found <= room).all()
    centres = labels()[tuple((found + np.array(CROP) // 2).T)]
    assert (centres > 0).all()

    anywhere = starts(label_places(labels()), 0.0)
    for axis in range(3):
        counts = np.bincount(anywhere[:, axis], minlength=room[axis] + 1)
        expected = len(anywhere) / (room[axis] + 1)
        assert np.sum((counts - expected) ** 2 / expected) < 29.6  # 0.1 % of at most 10 degrees
    np.testing.assert_array_equal(starts(NONE, 1.0, 50).min(axis=0) >= 0, True)


def test_the_share_of_centred_crops_is_as_asked():
    found = starts(label_places(labels()), 0.25)
    rare = (found == np.array([6, 6, 8]) - np.array(CROP) // 2).all(axis=1)
    assert 0.1 < rare.mean() < 0.15


def test_a_cut_repeats_borders_beyond_the_volume():
    padded = np.pad(VOLUME, 4, mode="edge")
    for start in ((0, 0, 0), (-3, 2, 12), (8, -2, -1), (6, 10, 10)):
        expected = padded[tuple(slice(s + 4, s + 4 + n) for s, n in zip(start, CROP, strict=True))]
        np.testing.assert_array_equal(cut(VOLUME, start, CROP), expected)
    assert np.shares_memory(cut(VOLUME, (1, 2, 3), CROP), VOLUME)


@pytest.mark.parametrize("margin", [0, 2])
def test_what_is_augmented_has_the_margin_and_what_comes_out_has_not(margin):
    seen = {}

    def change(volumes):
        seen.update(volumes)
        return {kind: np.roll(volume, 1, axis=0) for kind, volume in volumes.items()}

    volumes = {"image": VOLUME, "labels": VOLUME.astype(np.int32)}
    parts = Crops(CROP, 0.5, margin).of_training(volumes, NONE, np.random.default_rng(8), change)
    assert {kind: part.shape for kind, part in seen.items()} == {
        kind: tuple(np.array(CROP) + 2 * margin) for kind in seen
    }
    assert {kind: part.shape for kind, part in parts.items()} == dict.fromkeys(volumes, CROP)
    np.testing.assert_array_equal(parts["image"], parts["labels"])
    start = draw_start(SHAPE, CROP, NONE, 0.5, np.random.default_rng(8))
    if margin:  # the row that was rolled in is the scan's, as long as the margin reaches
        np.testing.assert_array_equal(parts["image"], cut(VOLUME, start - [1, 0, 0], CROP))


def test_validation_is_centred_on_a_labelled_voxel_without_margin():
    crops = Crops(CROP, 0.0, 2)
    for seed in range(20):
        part = crops.of_validation({"image": labels()}, label_places(labels()), np.random.default_rng(seed))["image"]
        assert part.shape == CROP
        assert part[tuple(np.array(CROP) // 2)] > 0


@pytest.mark.parametrize(("wanted", "centres"), [([3], {3}), ([7], {7}), ([3, 7], {3, 7}), ([5], {-1, 0, 3, 7})])
def test_crops_are_centred_on_wanted_labels_alone(wanted, centres):
    """A network that segments label 3 sees it in spite of the large label 7 beside it; without any it sees anything."""
    crops, seen = Crops(CROP, 1.0, 0, wanted), set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        part = crops.of_training({"image": labels()}, label_places(labels()), rng, lambda parts: parts)["image"]
        seen.add(int(part[tuple(np.array(CROP) // 2)]))
    assert seen <= centres
    assert 5 in wanted or seen == centres
    assert 5 not in wanted or 0 in seen
