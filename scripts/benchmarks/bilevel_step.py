"""What learning the objective's weights adds to a training step, each case in a process of its own.

    python scripts/benchmarks/bilevel_step.py                                   # voxelmorph, 80x96x80, one pair
    python scripts/benchmarks/bilevel_step.py --size 160 192 160 --network svf

Whole steps of the trainer (strategy, objective, Adam) with NCC 9 and diffusion: `plain` ones, those that also change
the weights (`bilevel`), and ten of which one does (`tenth`, a mean). Prints seconds per step (the fastest of the
repeats), its CPU seconds, the peak memory of the process, and the ratios to the plain step. float32.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

CASES = {"plain": (0, 1), "bilevel": (1, 1), "tenth": (1, 10)}
"""Of so many steps so many are bilevel."""


def trainer_of(network, bilevel):
    """The trainer, compiled."""
    import keras

    import tfregkit
    from tfregkit.objective.objective import Objective
    from tfregkit.training.trainer import Trainer

    terms = {"like": tfregkit.build("similarity", "ncc"), "smooth": tfregkit.build("regularizer", "diffusion")}
    objective = Objective(terms=terms)
    strategy = tfregkit.build("strategy", "unsupervised")
    if bilevel:
        strategy = tfregkit.build("strategy", "bilevel", learn=["smooth"])
    strategy.connect(objective)
    trainer = Trainer(network=tfregkit.build("network", network), objective=objective, strategy=strategy)
    trainer.compile(optimizer=keras.optimizers.Adam(1e-4), jit_compile=False)
    return trainer


def measure(case, network, size, repeats):
    """Seconds and CPU seconds of the fastest step after a warm-up, and the process's peak memory in GiB."""
    import tensorflow as tf

    some, of = CASES[case]
    trainer, rng = trainer_of(network, bool(some)), np.random.default_rng(0)
    pairs = [{role: rng.random((1, *size, 1), dtype=np.float32) for role in ("moving", "fixed")} for _ in range(2)]
    trainer.build_from(pairs[0])
    trainer.optimizer.build(trainer.trainable_variables)
    batch, held_out = ({name: tf.constant(array) for name, array in pair.items()} for pair in pairs)
    plain = tf.function(lambda: trainer.train_step(batch)["loss"], autograph=False)
    bilevel = tf.function(lambda: trainer.train_step({**batch, "held_out": held_out})["loss"], autograph=False)

    def steps():
        for number in range(of):
            float((bilevel if number < some else plain)())

    steps()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        steps()
        taken.append(((time.perf_counter() - start[0]) / of, (time.process_time() - start[1]) / of))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds, cpu = (min(values) for values in zip(*taken, strict=True))
    weights = sum(v.value.numpy().nbytes for v in trainer.trainable_variables) / 2**30
    return {"seconds": seconds, "cpu": cpu, "peak_gib": peak, "weights_gib": weights}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=3, default=(80, 96, 80))
    parser.add_argument("--network", default="voxelmorph")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", choices=CASES, help="measure one in this process and print JSON")
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.case, arguments.network, arguments.size, arguments.repeats)))
        return
    print(arguments.network, "x".join(map(str, arguments.size)))
    found = {}
    for case in CASES:
        command = [sys.executable, __file__, *sys.argv[1:], "--case", case]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found[case] = one = json.loads(done.stdout.splitlines()[-1])
        ratios = [one[key] / found["plain"][key] for key in ("seconds", "cpu", "peak_gib")]
        print(
            f"  {case:8s} {one['seconds']:6.2f} s/step ({ratios[0]:.2f})   {one['cpu']:6.2f} CPU s ({ratios[1]:.2f})   "
            f"peak {one['peak_gib']:5.2f} GiB ({ratios[2]:.2f}; the weights are {1024 * one['weights_gib']:.1f} MiB)",
            flush=True,
        )


if __name__ == "__main__":
    main()
