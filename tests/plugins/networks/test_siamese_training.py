"""Siamese networks under the trainer: what is drawn, moving statistics, replicas, and use after training."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from backends import tensorflow_only
from keras import ops
from training_data import small_experiment, write_subjects
from training_processes import finish, numbers

import tfregkit
from tfregkit.config.experiment import load_experiment
from tfregkit.training.checkpoint import restore
from tfregkit.training.run import Run
from tfregkit.training.train import train

pytestmark = tensorflow_only  # a long time elsewhere; what they are made of is tested on all backends
WORKER = Path(__file__).parents[2] / "training_worker.py"
CLMORPH = {"name": "clmorph", "encoder_filters": [3, 4], "bottom_filters": [5], "decoder_filters": [4, 3]}
PC_SWINMORPH = {"name": "pc_swinmorph", "encoder_filters": [3, 4], "decoder_filters": [4, 4, 3]}
BLOCKS = 2 * 2 + 1 + 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siamese")
    write_subjects(folder)
    return folder


@pytest.fixture(scope="module")
def clmorph(folder):
    """The path of a configuration: 4 steps of 2 pairs, checkpoints every 2."""
    kl = {"regularizer": {"name": "kl", "convention": "clmorph"}, "weight": 0.1}
    return written(folder, "clmorph", CLMORPH, smoothness=kl)


@pytest.fixture(scope="module")
def undisturbed(clmorph, folder):
    return train(load_experiment(clmorph), folder / "undisturbed")


@pytest.fixture(scope="module")
def both_ways(folder):
    back = {"regularizer": {"name": "diffusion", "on": "inverse"}}
    strategy = {"name": "unsupervised", "symmetric": True}
    return train(load_experiment(written(folder, "pc_swinmorph", PC_SWINMORPH, strategy, back=back)), folder / "both")


def written(folder, name, model, strategy="unsupervised", **terms):
    experiment = small_experiment(folder)
    (stage,) = experiment["stages"]
    stage |= {"model": model, "strategy": strategy}
    stage["objective"]["terms"] |= terms
    stage["trainer"] |= {"steps": 4, "validate_every": 2}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return path


def weights(run):
    """All variables of the network after the last step, and which of them are moving statistics."""
    network, checkpoints = run.network(), run.checkpoints(1)
    restore(checkpoints.path(checkpoints.steps()[-1]), {"network": network.variables})
    moving = [number for number, variable in enumerate(network.variables) if "moving_" in variable.path]
    return [ops.convert_to_numpy(variable) for variable in network.variables], moving


def test_a_resumed_run_draws_and_counts_what_an_undisturbed_one_does(clmorph, undisturbed, tmp_path):
    """The losses are bit for bit the same, and so are the moving statistics, which training has moved."""
    train(load_experiment(clmorph, ["stages.registration.trainer.steps=2"]), tmp_path / "cut")
    cut = train(load_experiment(clmorph), tmp_path / "cut", resume=True)
    assert numbers(cut.path) == numbers(undisturbed.path)
    assert len({row[1] for row in numbers(cut.path)}) == 4
    (found, _), (expected, moving) = weights(cut), weights(undisturbed)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(moving) == 2 * BLOCKS
    for place, number in enumerate(moving):
        assert np.abs(expected[number] - place % 2).max() > 0.01  # means begin at 0, variances at 1


def test_two_replicas_draw_and_normalise_as_one_device_does(clmorph, undisturbed, tmp_path):
    """Noise belongs to the item and statistics are those of the whole batch, so losses and statistics are the same."""
    code = f"import runpy; runpy.run_path({str(WORKER)!r}, run_name='__main__')"
    option = "stages.registration.trainer.distribute=mirrored"
    command = [sys.executable, "-c", code, str(clmorph), str(tmp_path / "two"), "2", option]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    assert re.search(r"weights \w+", finish(subprocess.Popen(command, env=environment, **streams)))
    two = Run.open(tmp_path / "two")
    one, other = (np.array([[float(x or "nan") for x in row] for row in numbers(r.path)]) for r in (undisturbed, two))
    np.testing.assert_allclose(other, one, rtol=2e-3, atol=1e-7)
    (found, _), (expected, moving) = weights(two), weights(undisturbed)
    for number in moving:
        np.testing.assert_allclose(found[number], expected[number], rtol=1e-3, atol=1e-4)


def test_a_network_that_draws_does_not_at_inference(undisturbed):
    forward = tfregkit.load(undisturbed.path).forward
    batch = {name: np.random.default_rng(1).random((1, 8, 8, 16, 1), dtype=np.float32) for name in ("moving", "fixed")}
    (one, _), (again, _) = (next(forward(batch, [None])) for _ in range(2))
    assert set(one) == {"displacement", "velocity", "posterior"}
    np.testing.assert_array_equal(one["displacement"], again["displacement"])
    np.testing.assert_allclose(one["displacement"], one["posterior"][..., :3], atol=1e-6)


def test_a_run_that_predicts_both_ways_registers_and_refines(both_ways, folder):
    """The inverse warp is the network's own, and is refined too."""
    registration = tfregkit.load(both_ways.path)
    images = [folder / f"{name}_image.nii.gz" for name in ("dina", "emil")]
    plain, refined = registration.register(*images), registration.register(*images, refine=2)
    assert np.isfinite(refined.moved.get_fdata()).all()
    for name in ("warp", "inverse_warp"):
        one, other = (getattr(result, name).get_fdata() for result in (plain, refined))
        assert 1e-3 < np.abs(one - other).max() < 1
