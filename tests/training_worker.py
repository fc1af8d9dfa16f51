"""One process of a distributed job: `python training_worker.py CONFIG RUN DEVICES [--resume] [A.B=C ...]`.

Trains on so many logical CPU devices and prints a digest of the network's weights, which every worker must agree on.
"""

from __future__ import annotations

import hashlib
import sys

import tensorflow as tf
from keras import ops

from tfregkit.cli.main import _explain
from tfregkit.config.experiment import load_experiment
from tfregkit.errors import TfregkitError
from tfregkit.training.stage import Stage
from tfregkit.training.train import train


def main(config: str, run: str, devices: str, *options: str) -> int:
    cpu = tf.config.list_physical_devices("CPU")[0]
    if int(devices) > 1:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    fit = Stage.fit

    def fit_and_tell(stage: Stage) -> None:
        fit(stage)
        weights = [ops.convert_to_numpy(v).tobytes() for v in stage.trainer.network.variables]
        print("weights", hashlib.sha256(b"".join(weights)).hexdigest(), flush=True)

    Stage.fit = fit_and_tell
    settings = [option for option in options if option != "--resume"]
    try:
        train(load_experiment(config, settings), run, resume="--resume" in options)
    except TfregkitError as error:
        return _explain(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
