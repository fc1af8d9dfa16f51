"""Several devices and several workers give the result of one device with the same global batch."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from training_processes import finish, numbers, rows, wait_for_rows

from tfregkit.config.experiment import load_experiment
from tfregkit.training.train import train

KEYS = ("steps=90", "checkpoint_every=20", "validate_every=45", "learning_rate=0.0005")
STEPS = [f"stages.registration.trainer.{key}" for key in KEYS]
WORKER = Path(__file__).parents[2] / "training_worker.py"


def launch(config, run, *options, devices=1, cluster=None, index=0):
    """One process of a job."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    if cluster:
        task = {"type": "worker", "index": index}
        environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": cluster}, "task": task})
    code = f"import runpy; runpy.run_path({str(WORKER)!r}, run_name='__main__')"
    command = [sys.executable, "-c", code, str(config), str(run), str(devices), *STEPS, *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def addresses(count):
    """Free ports on this machine, held together until all are chosen."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    found = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return found


def weights(said):
    return re.search(r"weights (\w+)", said).group(1)


@pytest.fixture(scope="module")
def alone(subjects, tmp_path_factory):
    """The losses of one device."""
    import yaml
    from training_data import small_experiment

    folder = tmp_path_factory.mktemp("alone")
    (folder / "small.yaml").write_text(yaml.safe_dump(small_experiment(subjects)))
    train(load_experiment(folder / "small.yaml", STEPS), folder / "run")
    return losses(folder / "run")


def losses(run):
    return np.array([[float(value or "nan") for value in row] for row in numbers(run)])


def same(one, other):
    """Equal up to the order of float32 sums, which training amplifies."""
    assert one.shape == other.shape
    np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-7)


def test_mirrored_on_two_devices(config, tmp_path, alone):
    run = tmp_path / "run"
    finish(launch(config, run, "stages.registration.trainer.distribute=mirrored", devices=2))
    same(losses(run), alone)


def test_two_workers_one_killed_then_both_restarted(config, tmp_path, alone):
    run, option = tmp_path / "run", "stages.registration.trainer.distribute=multiworker"
    cluster = addresses(2)
    chief, other = (launch(config, run, option, cluster=cluster, index=index) for index in (0, 1))
    wait_for_rows(run, 22, chief)
    other.kill()
    other.wait()
    said = finish(chief, code=2)
    assert re.search(r"worker 0 lost contact .* Start all workers again with --resume; .* from step \d+", said)
    assert 22 <= len(rows(run)) < 90
    cluster = addresses(2)
    jobs = [launch(config, run, option, "--resume", cluster=cluster, index=index) for index in (0, 1)]
    told = [finish(job) for job in jobs]
    assert weights(told[0]) == weights(told[1])
    assert "going on from step" in told[0]
    same(losses(run), alone)
