"""One training step of the siamese networks beside VoxelMorph's, each in a process of its own.

    python scripts/benchmarks/siamese_step.py                      # 96^3
    python scripts/benchmarks/siamese_step.py --size 80 96 80      # three halvings: 80 is no multiple of 2 * 16

Whole steps of the trainer (strategy, objective, Adam): NCC 9 and diffusion, one way for `voxelmorph`, both ways for the
others; `clmorph` with MSE and KL. Prints seconds per step (the fastest of the repeats), the CPU seconds of that step
and the peak memory of the process. float32.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

BOTH_WAYS = {"bidirectional": True, "stitcher": None}
PROGRAMS = {
    "voxelmorph": ("voxelmorph", {}),
    "siamese, both ways": ("pc_swinmorph", {"patches": 1, **BOTH_WAYS}),
    "  in 2^3 patches": ("pc_swinmorph", {"patches": 2, **BOTH_WAYS}),
    "  stitched (pc_swinmorph)": ("pc_swinmorph", {"patches": 2}),
    "clmorph": ("clmorph", {}),
}


def trainer_of(name, options, halvings):
    """The trainer of a network with its usual objective, compiled."""
    import keras

    import tfregkit
    from tfregkit.objective.objective import Objective
    from tfregkit.training.trainer import Trainer

    if name != "clmorph":
        filters = {"encoder_filters": [16, *[32] * (halvings - 1)], "decoder_filters": [32] * (halvings + 1) + [16, 16]}
        options = {**filters, **options}
    network = tfregkit.build("network", name, **options)
    diffusion = {"smooth": tfregkit.build("regularizer", "diffusion")}
    if name == "clmorph":
        terms = {"like": tfregkit.build("similarity", "mse")}
        terms["smooth"] = tfregkit.build("regularizer", "kl", convention="clmorph")
    else:
        terms = {"like": tfregkit.build("similarity", "ncc", window=9), **diffusion}
    if name == "pc_swinmorph":
        terms["smooth_back"] = tfregkit.build("regularizer", "diffusion", on="inverse")
    strategy = tfregkit.build("strategy", "unsupervised", symmetric=name == "pc_swinmorph")
    trainer = Trainer(network=network, objective=Objective(terms=terms), strategy=strategy)
    trainer.compile(optimizer=keras.optimizers.Adam(1e-4), jit_compile=False)
    return trainer


def measure(program, size, repeats, batch):
    """Seconds and CPU seconds of the fastest step after one warm-up, and the process's peak memory in GiB."""
    import tensorflow as tf

    name, options = PROGRAMS[program]
    trainer = trainer_of(name, options, halvings=4 if all(n % 32 == 0 for n in size) else 3)
    rng = np.random.default_rng(0)
    shapes = {"moving": (batch, *size, 1), "fixed": (batch, *size, 1), "noise": (batch, 4096)}
    arrays = {key: rng.random(shape, dtype=np.float32) for key, shape in shapes.items()}
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=3, default=(96, 96, 96))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--program", choices=PROGRAMS, help="measure one program in this process and print JSON")
    arguments = parser.parse_args()
    if arguments.program:
        print(json.dumps(measure(arguments.program, arguments.size, arguments.repeats, arguments.batch)))
        return
    print("x".join(map(str, arguments.size)), f"batch {arguments.batch}")
    for program in PROGRAMS:
        command = [sys.executable, __file__, *sys.argv[1:], "--program", program]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"  {program:26s} {found['seconds']:6.2f} s/step   {found['cpu']:6.2f} CPU s   "
            f"peak {found['peak_gib']:5.2f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
