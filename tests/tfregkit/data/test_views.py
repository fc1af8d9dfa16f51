"""Distorted views of items, and what strategies draw for them on the loader's threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scan_batches import Add, Given, bare_settings, opened
from scan_files import SHAPE, write_labels, write_scan

from tfregkit import build
from tfregkit.data.base import Subject
from tfregkit.data.views import check_distortions
from tfregkit.errors import ConfigError

CROP = (2, 7, 5)


def points(arrays, rng):
    """What a strategy might draw: places, and a label there; arrays of other shapes and types than volumes."""
    places = rng.integers(0, arrays["fixed"].shape, (3, 3), dtype=np.int32)
    return {"fixed_points": places, "fixed_classes": arrays["fixed_labels"][tuple(places.T)].astype(np.int32)}


@pytest.fixture
def data(tmp_path):
    scans = [
        Subject(
            id=f"s{i}", image=write_scan(tmp_path / f"s{i}.nii", seed=i), labels=write_labels(tmp_path / f"l{i}.nii")
        )
        for i in range(6)
    ]
    settings = bare_settings().model_copy(update={"crop": CROP, "distortions": [Given(Add())]})

    def make(**options):
        return opened(scans, tmp_path, settings, labels=True, **options)

    return make


def test_views_differ_from_their_image_in_intensity_alone_and_each_in_its_own(data):
    batch = data(views=True).train.batch(3)
    shifts = []
    for view, role in (("fixed_view", "fixed"), ("fixed_second_view", "fixed"), ("moving_view", "moving")):
        shift = batch[view] - batch[role]
        np.testing.assert_allclose(np.ptp(shift, axis=(1, 2, 3, 4)), 0, atol=1e-5)
        shifts += np.median(shift, axis=(1, 2, 3, 4)).round(3).tolist()
    assert len(set(shifts)) == 6  # three views of two items
    assert all(10 <= shift <= 20 for shift in shifts)


def test_a_strategy_of_one_role_gets_that_roles_views(data):
    batch = data(views=True, roles=("fixed",)).train.batch(0)
    assert set(batch) == {"fixed", "fixed_labels", "fixed_view", "fixed_second_view"}


def test_what_is_drawn_comes_as_it_is_and_belongs_to_its_item(data):
    batch = data(draw=points).train.batch(1)
    assert (batch["fixed_points"].shape, batch["fixed_points"].dtype) == ((2, 3, 3), np.int32)
    assert (batch["fixed_classes"].shape, batch["fixed_classes"].dtype) == ((2, 3), np.int32)
    for labels, places, classes in zip(
        batch["fixed_labels"][..., 0], batch["fixed_points"], batch["fixed_classes"], strict=True
    ):
        np.testing.assert_array_equal(labels[tuple(places.T)], classes)
    assert (batch["fixed_points"][0] != batch["fixed_points"][1]).any()


def test_views_and_draws_depend_on_seed_and_step_alone(data):
    one, again = data(views=True, draw=points).train, data(views=True, draw=points).train
    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(again.batch, reversed(range(4))))[::-1]
    for step in range(4):
        whole = one.batch(step)
        shares = [again.batch(step, replica=replica, replicas=2) for replica in range(2)]
        for key, values in whole.items():
            np.testing.assert_array_equal(values, threaded[step][key], err_msg=key)
            np.testing.assert_array_equal(values, np.concatenate([share[key] for share in shares]), err_msg=key)
    assert (one.batch(0)["fixed_points"] != one.batch(1)["fixed_points"]).any()


def test_validation_has_the_same_views_and_draws_each_time(data):
    made = data(views=True, draw=points)
    first, second = (made.train.pair(pair) for pair in (made.validation[0], made.validation[0]))
    assert first["fixed_view"].shape == (1, *SHAPE, 1)
    assert first["fixed_points"].shape == (1, 3, 3)
    for key, values in first.items():
        np.testing.assert_array_equal(values, second[key], err_msg=key)
    other = made.train.pair(made.validation[1])
    assert (other["fixed_points"] != first["fixed_points"]).any()


def test_distortions_are_there_move_nothing_and_are_each_views_own():
    with pytest.raises(ConfigError, match=r"data.distortions: .* nothing to distort them by"):
        check_distortions([])
    with pytest.raises(ConfigError, match=r"data.distortions: `Flip` moves voxels"):
        check_distortions([build("augmentation", "gamma"), build("augmentation", "flip")])
    with pytest.raises(ConfigError, match=r"data.distortions: `Gamma` has `together: true`, and views .* are equal"):
        check_distortions([build("augmentation", "noise"), build("augmentation", "gamma", together=True)])
