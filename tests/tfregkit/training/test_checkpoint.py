"""Checkpoints: what is kept, what is refused, what survives a full disk."""

import errno

import keras
import numpy as np
import pytest

from tfregkit.errors import RunError, TrainingError
from tfregkit.training.checkpoint import Checkpoints, read_facts, restore


def variables(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [keras.Variable(rng.random(shape), name=f"weight{i}") for i, shape in enumerate(shapes)]


def values(group):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in group]


@pytest.fixture
def groups():
    return {"network": variables((2, 3), (5,)), "optimizer": variables((), seed=1)}


def test_round_trip_and_facts(tmp_path, groups):
    path = Checkpoints(tmp_path).save(7, groups, {"inputs": {"fixed": [1, 5, 1]}})
    fresh = {"network": variables((2, 3), (5,), seed=8), "optimizer": variables((), seed=9)}
    facts = restore(path, fresh)
    assert (facts["step"], facts["inputs"]) == (7, {"fixed": [1, 5, 1]})
    for name, group in groups.items():
        for before, after in zip(values(group), values(fresh[name]), strict=True):
            np.testing.assert_array_equal(before, after)


def test_only_the_latest_are_kept(tmp_path, groups):
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save_best(1, groups, {"score": 0.5})
    for step in (5, 10, 100, 20):
        checkpoints.save(step, groups, {})
    assert checkpoints.steps() == [20, 100]
    assert read_facts(checkpoints.best)["score"] == 0.5


@pytest.mark.parametrize(
    ("shapes", "difference"),
    [
        (((2, 3), (7,)), r"weight1 is \(5,\) there and \(7,\) here"),
        (((2, 3), (5,), (1,)), r"weight2 \(1,\) is not in it"),
        (((2, 3),), r"weight1 is not in the network here"),
    ],
)
def test_another_architecture_is_refused_and_nothing_is_changed(tmp_path, groups, shapes, difference):
    path = Checkpoints(tmp_path).save(1, groups, {})
    other = variables(*shapes, seed=4)
    before = values(other)
    with pytest.raises(RunError, match="of another architecture than run.yaml: .*" + difference):
        restore(path, {"network": other}, source="run.yaml")
    for one, two in zip(before, values(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_full_disk_keeps_the_checkpoint_before(tmp_path, groups, monkeypatch):
    checkpoints = Checkpoints(tmp_path, keep=1)
    good = checkpoints.save(3, groups, {}).read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(TrainingError, match="the disk is full; the checkpoint of step 3 is intact.*--resume"):
        checkpoints.save(4, groups, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003.npz"]
    assert checkpoints.path(3).read_bytes() == good


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_not_saved(tmp_path, groups, value):
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(3, groups, {})
    groups["network"][1].assign(np.full(5, value))
    with pytest.raises(TrainingError, match="step 4: weight1 is not finite.*the checkpoint of step 3 is intact"):
        checkpoints.save(4, groups, {})
    with pytest.raises(TrainingError, match="weight1 is not finite, so nothing is saved"):
        checkpoints.save_best(4, groups, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003.npz"]


def test_damaged_file(tmp_path, groups):
    path = Checkpoints(tmp_path).save(1, groups, {})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match="the checkpoint is damaged .*Delete it"):
        restore(path, groups)
