"""Whole training steps, each in a process of its own: what contrast_step.py and siamese_step.py share."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np


def compiled(network, terms, strategy):
    """A trainer of the network with these terms and Adam."""
    import keras

    from tfregkit.objective.objective import Objective
    from tfregkit.training.trainer import Trainer

    trainer = Trainer(network=network, objective=Objective(terms=terms), strategy=strategy)
    trainer.compile(optimizer=keras.optimizers.Adam(1e-4), jit_compile=False)
    return trainer


def random_batch(size, batch):
    """Images that are noise, and the noise that networks draw with."""
    rng = np.random.default_rng(0)
    shapes = {"moving": (batch, *size, 1), "fixed": (batch, *size, 1), "noise": (batch, 4096)}
    return {key: rng.random(shape, dtype=np.float32) for key, shape in shapes.items()}


def measure(trainer, arrays, repeats):
    """Seconds and CPU seconds of the fastest step after one warm-up, and the process's peak memory in GiB."""
    import tensorflow as tf

    trainer.build_from(arrays)
    inputs = {key: tf.constant(array) for key, array in arrays.items()}
    trainer.optimizer.build(trainer.trainable_variables)
    step = tf.function(lambda: trainer.train_step(inputs)["loss"], autograph=False)
    float(step())
    taken = []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        float(step())
        taken.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds, cpu = (min(values) for values in zip(*taken, strict=True))
    return {"seconds": seconds, "cpu": cpu, "peak_gib": peak}


def main(about, option, names, prepared, size, parents=()):
    """The command line of a script: a line for each of several trainers.

    Args:
        about: The script's docstring.
        option: What they are: `--OPTION NAME` measures one in this process.
        names: Of the trainers; the first is what the others are compared with.
        prepared: Gives the trainer and the batch for a name, sizes and a number of pairs.
        size: The images' sizes by default.
        parents: Parsers with options of the script's own.
    """
    looks = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=about, formatter_class=looks, parents=parents)
    parser.add_argument("--size", type=int, nargs=3, default=size)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument(f"--{option}", dest="name", choices=names, help="measure one in this process and print JSON")
    arguments = parser.parse_args()
    if arguments.name:
        trainer, arrays = prepared(arguments.name, arguments.size, arguments.batch)
        print(json.dumps(measure(trainer, arrays, arguments.repeats)))
        return
    print("x".join(map(str, arguments.size)), f"batch {arguments.batch}")
    found = {}
    for name in names:
        command = [sys.executable, *sys.argv, f"--{option}", name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
        seconds, cpu, peak = found[name].values()
        _, cpu_more, peak_more = (value - found[names[0]][key] for key, value in found[name].items())
        print(
            f"  {name:{max(map(len, names))}s} {seconds:6.2f} s/step   {cpu:6.2f} CPU s ({cpu_more:+.2f})   "
            f"peak {peak:5.2f} GiB ({peak_more:+.2f})",
            flush=True,
        )
