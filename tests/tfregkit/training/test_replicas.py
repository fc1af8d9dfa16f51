"""Contrast across replicas, and a slow copy on each: two devices give what one gives with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

WORKER = Path(__file__).parents[2] / "replica_worker.py"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The losses of three steps and the weights after them: on `one` device, on `both`, and each `alone`."""
    out = tmp_path_factory.mktemp("replicas") / "found.npz"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    code = f"import runpy; runpy.run_path({str(WORKER)!r}, run_name='__main__')"  # `tests` has folders of our names
    command = [sys.executable, "-c", code, str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(out) as file:
        return dict(file)


@pytest.mark.parametrize("name", ["loss", "contrast", "prediction"])
def test_losses_equal_those_of_one_device_with_the_whole_batch(found, name):
    np.testing.assert_allclose(found[f"both_{name}"], found[f"one_{name}"], rtol=1e-5)
    assert not np.allclose(found["one_loss"][0], found["one_loss"][2], rtol=1e-3)


def test_mixcls_terms_look_at_the_voxels_and_the_items_of_all_devices(found):
    np.testing.assert_allclose(found["both_consistency"], found["one_consistency"], rtol=1e-3, atol=1e-6)
    assert np.abs(found["one_consistency"]).max() > 1e-2


def test_gradients_agree_so_the_weights_do(found):
    """Plain gradient descent; averages of the network and of the projectors among them."""
    keys = [key.removeprefix("one_") for key in found if key.startswith("one_") and key[-1].isdigit()]
    assert len(keys) > 20
    for key in keys:
        np.testing.assert_allclose(found[f"both_{key}"], found[f"one_{key}"], rtol=1e-4, atol=1e-6, err_msg=key)


def test_what_is_learned_of_the_objective_is_that_of_one_device(found):
    """Weights of three terms and a temperature; copies of them on both devices are among those looked at below."""
    assert found["both_learned"].shape == (3, 4)
    assert (found["one_learned"][2] != found["one_learned"][0]).all()
    np.testing.assert_allclose(found["both_learned"], found["one_learned"], rtol=1e-4)


def test_without_being_asked_each_share_is_a_batch_of_its_own(found):
    assert np.all(found["alone_contrast"] < found["both_contrast"] - 0.3)  # two negatives at most, not six


def test_copies_on_the_two_devices_are_equal(found):
    np.testing.assert_array_equal(found["apart"], 0)
