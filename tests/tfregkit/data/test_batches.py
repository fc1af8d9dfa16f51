from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from scan_batches import Add, bare_settings, opened
from scan_files import SHAPE, write_labels, write_scan

from tfregkit.data.base import Subject
from tfregkit.data.batches import Batches
from tfregkit.data.cache import Cache
from tfregkit.data.grid import Grid
from tfregkit.data.pairs import AllPairs
from tfregkit.data.scans import Scans
from tfregkit.data.settings import NormalisationSettings
from tfregkit.errors import DataError

PERSONS = 6


@pytest.fixture
def subjects(tmp_path):
    made = []
    for i in range(PERSONS):
        image = write_scan(tmp_path / f"s{i}.nii", data=np.full(SHAPE, i, np.float32))
        made.append(Subject(id=f"s{i}", image=image, labels=write_labels(tmp_path / f"l{i}.nii", seed=i)))
    return made


@pytest.fixture
def settings():
    return bare_settings()


@pytest.fixture
def batches(tmp_path, subjects, settings):
    scans = Scans(settings, Grid(SHAPE, np.eye(4)), Cache(tmp_path / "cache"))

    def make(batch_size=4, augmentations=(), seed=0, pairs=None):
        pairs = AllPairs(subjects, subjects) if pairs is None else pairs
        return Batches(pairs, scans, seed=seed, batch_size=batch_size, augmentations=augmentations)

    return make


def persons(batch):
    return [f"s{int(m.flat[0])}_to_s{int(f.flat[0])}" for m, f in zip(batch["moving"], batch["fixed"], strict=True)]


def test_shapes_and_types(batches):
    batch = batches().batch(0)
    assert {key: (value.shape, value.dtype.name) for key, value in batch.items()} == {
        "moving": ((4, *SHAPE, 1), "float32"),
        "fixed": ((4, *SHAPE, 1), "float32"),
    }


def test_the_images_are_those_of_the_names(batches):
    made = batches()
    for step in range(7):
        assert persons(made.batch(step)) == made.names(step)


def test_an_epoch_has_every_pair_once_and_the_next_another_order(batches):
    made = batches(batch_size=4)  # 30 pairs
    names = list(chain.from_iterable(made.names(step) for step in range(15)))
    first, second = names[:30], names[30:60]
    assert sorted(first) == sorted(second) == sorted(pair.id for pair in made.pairs)
    assert first != second


def test_a_batch_is_a_function_of_seed_and_step(batches):
    one, again, other = (
        batches(augmentations=[Add()]),
        batches(augmentations=[Add()]),
        batches(augmentations=[Add()], seed=1),
    )
    again.batch(3)  # whatever was asked before
    for key, value in one.batch(11).items():
        np.testing.assert_array_equal(value, again.batch(11)[key])
    assert (one.batch(11)["moving"] != other.batch(11)["moving"]).any()


def test_threads_get_what_one_caller_gets(batches):
    made = batches(augmentations=[Add()])
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(made.batch, range(12)))
    for step in range(12):
        np.testing.assert_array_equal(together[step]["moving"], made.batch(step)["moving"])


def test_replicas_share_the_batch(batches):
    made = batches(augmentations=[Add()])
    whole, parts = made.batch(5), [made.batch(5, replica=r, replicas=2) for r in range(2)]
    for key, value in whole.items():
        np.testing.assert_array_equal(value, np.concatenate([part[key] for part in parts]))
    assert made.names(5, 1, 2) == made.names(5)[2:]
    with pytest.raises(DataError, match="a batch of 4 cannot be shared by 3 devices"):
        made.batch(5, replicas=3)


def test_augmentations_differ_between_scans_steps_and_places_unless_together(batches):
    def added(batch, role):
        return [float(image.flat[0]) % 1 for image in batch[role]]

    apart = batches(augmentations=[Add()])
    numbers = [x for step in (0, 1) for role in ("moving", "fixed") for x in added(apart.batch(step), role)]
    assert len(set(numbers)) == 16
    alike = batches(augmentations=[Add(together=True)]).batch(0)
    np.testing.assert_allclose(added(alike, "moving"), added(alike, "fixed"), atol=1e-5)
    twice = batches(augmentations=[Add(), Add()]).batch(0)["moving"] - apart.batch(0)["moving"]
    assert (np.abs(twice - (apart.batch(0)["moving"] - batches().batch(0)["moving"])) > 1e-3).all()


def test_masks_are_there_if_all_scans_of_the_role_have_one(batches, subjects, tmp_path):
    mask = write_scan(tmp_path / "mask.nii", data=np.ones(SHAPE, np.float32))
    masked = [replace(scan, mask=mask) for scan in subjects]
    made = batches(pairs=AllPairs([subjects[0], *masked[1:3]], masked[3:]))
    assert set(made.batch(0)) == {"moving", "fixed", "fixed_mask"}
    assert "moving_mask" not in made.pair(made.pairs[0])
    assert "moving_mask" in made.pair(made.pairs[3])


def test_a_pair_has_the_labels_its_scans_have(batches, subjects):
    bare = Subject(id="bare", image=subjects[0].image)
    made = batches(pairs=AllPairs([bare, *subjects[1:3]], subjects[3:]))
    assert set(made.pair(made.pairs[0])) == {"moving", "fixed", "fixed_labels"}
    assert set(made.pair(made.pairs[3])) == {"moving", "moving_labels", "fixed", "fixed_labels"}


def test_a_pair_is_a_batch_of_one_without_augmentation(batches):
    made = batches(augmentations=[Add()])
    pair = made.pairs[7]
    batch = made.pair(pair)
    assert persons(batch) == [pair.id]
    assert batch["moving"].shape == (1, *SHAPE, 1)


def test_open_data_prepares_training_and_validation_scans(subjects, tmp_path, settings):
    seen = []
    data = opened(subjects, tmp_path, settings, stride=4, progress=lambda done, total: seen.append((done, total)))
    assert data.grid.shape == (8, 8, 12)
    assert [pair.id for pair in data.validation] == ["s0_to_s1", "s1_to_s0"]
    assert len(data.test) == 2
    assert seen == [(i, 8) for i in range(1, 9)]  # 4 scans in 2 roles; those of the test are not read
    assert data.train.batch(0)["moving"].shape == (2, 8, 8, 12, 1)
    assert data.describe() == ("2 training scans in 2 pairs, 2 validation pairs, 2 test pairs; grid 8x8x12 of 1x1x1 mm")


def test_open_data_names_all_bad_files_at_once(subjects, tmp_path, settings):
    nan = np.full(SHAPE, np.nan, np.float32)
    write_scan(subjects[0].image, data=nan)
    write_scan(subjects[2].labels, data=np.full(SHAPE, 0.5, np.float32))
    with pytest.raises(DataError, match=r"l2\.nii: .*whole numbers(.|\n)*s0\.nii: .*NaN") as error:
        opened(subjects, tmp_path, settings)
    assert len(str(error.value).splitlines()) == 2


def test_open_data_names_a_file_that_went_away(subjects, tmp_path, settings):
    subjects[3].labels.unlink()
    with pytest.raises(DataError, match=r"l3\.nii: there is no such file"):
        opened(subjects, tmp_path, settings)


def test_prepared_scans_are_found_again_and_changed_files_are_not(subjects, tmp_path, settings):
    opened(subjects, tmp_path, settings)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")}
    opened(subjects, tmp_path, settings)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npy")} == before
    write_scan(subjects[2].image, data=np.full(SHAPE, 9, np.float32))
    data = opened(subjects, tmp_path, settings)
    pair = next(pair for pair in data.train.pairs if pair.moving.id == "s2")
    assert data.train.pair(pair)["moving"].max() == 9


def test_moving_and_fixed_scans_have_their_own_normalisation(subjects, tmp_path, settings):
    window = NormalisationSettings(mode="window", window=(0, 10))
    own = settings.model_copy(update={"moving_normalisation": window})
    pair = opened(subjects, tmp_path, own).train.pairs[0]
    batch = opened(subjects, tmp_path, own).train.pair(pair)
    assert pair.id == "s2_to_s3"
    assert batch["moving"].max() == pytest.approx(0.2)
    assert batch["fixed"].max() == 3
