"""Several data sets in one: classes by name, draws by weight, messages that name the set."""

from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest
import yaml
from scan_files import write_scan

from tfregkit import build
from tfregkit.config.experiment import load_experiment
from tfregkit.data.companion import labels_of
from tfregkit.data.opening import open_data
from tfregkit.data.settings import DataSettings
from tfregkit.errors import ConfigError, DataError
from tfregkit.testing import check_dataset

CROP = [8, 8, 8]
SHAPES = {"liver": (11, 13, 17), "kidney": (13, 19, 11), "bare": (17, 11, 13)}
LABELS = {"liver": {"liver": 1, "tumour": 2}, "kidney": {"kidney": 1, "tumour": 5, "background": 9}}


@pytest.fixture
def folder(tmp_path):
    """Three sets of CT-like scans; the same numbers in their label maps mean different things."""
    for name, shape in SHAPES.items():
        for i in range(4):
            rng = np.random.default_rng([len(name), i])
            write_scan(tmp_path / name / f"im{i}.nii", data=rng.uniform(-400, 400, shape).astype(np.float32))
            labels = np.zeros(shape, np.uint8)
            labels[1:7, 2:9, 3:8], labels[7:9, 3:6, 4:6] = 1, 2 if name == "liver" else 5
            labels[0, 0, 0] = 9 if name == "kidney" else 0
            write_scan(tmp_path / name / f"seg{i}.nii", data=labels)
    return tmp_path


def one(folder, place, **values):
    nifti = {"name": "nifti", "images": f"{folder}/{place}/im*.nii", "pairing": "single", "validation": 0.5}
    if place in LABELS:
        nifti["labels"] = f"{folder}/{place}/seg*.nii"
        values = {"labels": LABELS[place], **values}
    return {"name": place, "dataset": nifti} | values


def sets(folder, **kidney):
    window = {"mode": "window", "window": [-150, 250]}
    return [
        one(folder, "liver", normalisation=window),
        one(folder, "kidney", **kidney),
        one(folder, "bare", weight=4.0),
    ]


def opened(folder, mixture, **options):
    settings = DataSettings(
        dataset=build_section(mixture),
        grid={"mode": "own"},
        normalisation={"mode": "none"},
        crop=CROP,
        distortions=["noise"],
        cache=folder / "cache",
    )
    options = {"seed": 5, "batch_size": 4, "labels": True, "views": True, **options}
    return open_data(settings, **options)


def build_section(mixture):
    return {"name": "mixture", **(mixture if isinstance(mixture, dict) else {"sets": mixture})}


def test_contract(folder):
    check_dataset(build("dataset", "mixture", sets=sets(folder), same=0.0))


def test_classes_are_numbered_by_name_over_all_sets(folder):
    data, seen = opened(folder, sets(folder)), {}
    for step in range(25):
        batch = data.train.batch(step)
        for name, *labels in zip(data.train.names(step), batch["fixed_labels"], batch["moving_labels"], strict=True):
            seen.setdefault(name.partition("-")[0], set()).update(np.unique(labels).tolist())
    assert seen == {"liver": {0, 1, 2}, "kidney": {0, 3, 2}, "bare": {-1}}
    assert "liver 2 (25 %), kidney 2 (25 %), bare 2 (50 %); classes: 1 liver, 2 tumour, 3 kidney" in data.describe()


def test_a_set_may_have_its_own_normalisation(folder):
    data = opened(folder, sets(folder))
    for step in range(5):
        batch = data.train.batch(step)
        for name, image in zip(data.train.names(step), batch["fixed"], strict=True):
            if name.startswith("liver"):
                assert (image.min(), image.max()) == (0, 1)
            else:
                assert image.max() > 300


def test_what_a_value_means_may_change_between_runs_that_share_a_cache(folder):
    """Label maps, and the voxels to centre crops on, are those of the declaration."""
    for labels in (LABELS["kidney"], {"kidney": 5, "tumour": 1, "background": 9}):
        scans = opened(folder, [one(folder, "kidney", labels=labels)]).train.scans
        scan = next(scan for scan, _ in scans._files)
        maps, places = scans.load(scan, "fixed")["labels"], scans.places(scan, "fixed")
        stored = np.asarray(nib.load(scan.labels).dataobj)
        np.testing.assert_array_equal(maps == 1, stored == labels["kidney"])
        np.testing.assert_array_equal(maps[tuple(places[:, 1:].T)], places[:, 0])
        assert np.bincount(places[:, 0])[1] == np.count_nonzero(stored == labels["kidney"])


def test_batches_depend_on_seed_and_step_alone(folder):
    one_, again = opened(folder, sets(folder)).train, opened(folder, sets(folder)).train
    again.batch(9)
    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(again.batch, [3, 2]))
    for step, found in zip([3, 2], threaded, strict=True):
        shares = [again.batch(step, replica=replica, replicas=2) for replica in range(2)]
        for key, values in one_.batch(step).items():
            np.testing.assert_array_equal(values, found[key], err_msg=key)
            np.testing.assert_array_equal(values, np.concatenate([share[key] for share in shares]), err_msg=key)
    other = opened(folder, sets(folder), seed=6).train
    assert other.names(2) != one_.names(2) or other.names(3) != one_.names(3)


def test_validation_is_drawn_once_within_sets_and_takes_turns(folder):
    data, again = opened(folder, sets(folder)), opened(folder, sets(folder))
    assert [pair.id for pair in data.validation] == [pair.id for pair in again.validation]
    assert len(data.validation) == 6
    for pair, name in zip(data.validation, ["liver", "kidney", "bare"] * 2, strict=True):
        assert pair.fixed.source.name == pair.moving.source.name == name
    trained = {scan.subject for scan in data.train.pairs.scans}
    assert not trained & {scan.subject for pair in data.validation for scan in (pair.moving, pair.fixed)}
    batch = data.train.pair(data.validation[2])
    assert (batch["fixed_labels"] == -1).all()
    assert batch["fixed_view"].shape == (1, *CROP, 1)


def test_single_scans_are_drawn_by_weight_too(folder):
    mixture = [one(folder, "liver", weight=1), one(folder, "kidney", weight=3)]
    data = opened(folder, mixture, views=False, roles=("fixed",))
    names = [name for step in range(200) for name in data.train.names(step)]
    share = np.mean([name.startswith("kidney") for name in names])
    assert 0.7 < share < 0.8
    assert set(data.train.batch(0)) == {"fixed", "fixed_labels"}


def test_a_set_without_labels_is_refused_where_labels_are_learnt(folder):
    with pytest.raises(DataError, match=r"these scans have none: bare-"):
        opened(folder, sets(folder), views=False, roles=("fixed",))


def test_views_of_which_none_has_labels_are_refused_where_labels_are_looked_at(folder):
    with pytest.raises(DataError, match=r"looks at label maps, and these scans have none: bare-"):
        opened(folder, [one(folder, "bare")])
    opened(folder, [one(folder, "bare")], labels=False)


def test_labels_outside_the_declared_names(folder):
    mixture = [one(folder, "kidney", labels={"kidney": 1, "tumour": 5})]
    with pytest.raises(DataError, match=r"seg\d.nii: has labels outside the declared names of set `kidney`: 9"):
        opened(folder, mixture)


def test_all_sets_that_are_missing_are_told_at_once_with_their_hints(folder):
    lost = one(folder, "bare", name="lost")
    lost["dataset"] |= {"images": f"{folder}/nowhere/*.nii", "hint": "See docs/data-ct.md."}
    empty = one(folder, "bare", name="empty")
    empty["dataset"] |= {"train": [], "validation": 0.5}
    with pytest.raises(DataError) as caught:
        opened(folder, [one(folder, "liver"), lost, empty])
    told = str(caught.value).splitlines()
    assert told[0].startswith("set `lost`: ")
    assert told[0].endswith("nowhere/*.nii: no file matches. Patterns are relative to the configuration's folder.")
    assert told[1] == "See docs/data-ct.md."
    assert told[2].startswith("set `empty`: ")
    assert "there are no training pairs" in told[2]


def test_an_image_in_two_sets_is_refused(folder):
    with pytest.raises(DataError, match=r"im\d.nii: is in two sets, as `bare-\d` and as `more-\d`"):
        opened(folder, [one(folder, "bare"), one(folder, "bare", name="more")])


def test_maps_need_names_and_names_maps(folder):
    named, bare = one(folder, "bare", labels={"liver": 1}), one(folder, "kidney", labels=None)
    with pytest.raises(DataError) as caught:
        opened(folder, [named, bare])
    told = str(caught.value).splitlines()
    assert told[0] == "set `bare`: declares liver, and none of its scans has a label map."
    assert told[1].startswith("set `kidney`: has label maps, and nothing says what their values mean")


def test_sets_give_scans_alone(folder):
    paired = one(folder, "liver")
    del paired["dataset"]["pairing"]
    with pytest.raises(DataError, match=r"set `liver`: gives pairs, .* `pairing: single`"):
        opened(folder, [paired])


def test_sets_that_contradict_each_other(folder):
    with pytest.raises(ConfigError, match="two sets are called `bare`"):
        build("dataset", "mixture", sets=[one(folder, "bare"), one(folder, "bare")])
    with pytest.raises(ConfigError, match="the weights of all sets are 0"):
        build("dataset", "mixture", sets=[one(folder, "bare", weight=0)])


def test_validate_names_file_line_and_key(folder):
    mixture = [one(folder, "liver", labels={"liver": 1, "tumour": 1}), one(folder, "bare", weigth=2)]
    config = {
        "seed": 1,
        "data": {"dataset": build_section(mixture)},
        "stages": [
            {
                "name": "s",
                "model": {"name": "voxelmorph"},
                "objective": {"terms": {"ncc": {"similarity": "ncc"}}},
                "strategy": "unsupervised",
                "trainer": {"steps": 1},
            }
        ],
    }
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    lines = {number: line.strip() for number, line in enumerate(path.read_text().splitlines(), start=1)}
    with pytest.raises(ConfigError) as caught:
        load_experiment(path)
    told = str(caught.value)
    row = next(number for number, line in lines.items() if line.startswith("weigth"))
    assert f"c.yaml:{row}: " in told
    assert "sets.1.weigth: unknown key `weigth`. Did you mean `weight`?" in told
    assert "sets.0.labels: the value 1 is `liver`, and cannot be `tumour` too" in told


def test_tests_are_of_scans_alone_with_the_numbers_of_classes(folder):
    mixture = sets(folder)
    for one_set in mixture:
        one_set["dataset"]["test"] = 0.25
    split = build("dataset", "mixture", sets=mixture).split(0)
    assert all(pair.single for pair in split.test)
    assert [pair.fixed.source.name for pair in split.test] == ["kidney", "bare"]  # the liver's normalisation is its own
    labels = labels_of(split.test[0].fixed).data
    assert set(np.unique(labels)) == {0, 2, 3}
    stored = np.asarray(nib.load(split.test[0].fixed.labels).dataobj)
    np.testing.assert_array_equal(labels == 3, stored == 1)
    np.testing.assert_array_equal(labels == 2, stored == 5)
