"""What the contrastive terms add to a training step of CLMorph's network, each in a process of its own.

    python scripts/benchmarks/contrast_step.py                               # 80x96x80, one pair
    python scripts/benchmarks/contrast_step.py --size 40 48 40 --batch 8     # the batch of the paper

Whole steps of the trainer (strategy, objective, Adam) with MSE and diffusion, and one of the terms. Prints seconds per
step (the fastest of the repeats), the CPU seconds of that step, the peak memory of the process, and what each has more
than the step without contrast. float32.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

TERMS = {
    "none": "unsupervised",
    "nt_xent": "unsupervised",
    "patch_contrast": "unsupervised",
    "byol": "momentum",
}


def trainer_of(term):
    """The trainer of CLMorph's network, without its drawing, compiled."""
    import keras

    import tfregkit
    from tfregkit.objective.objective import Objective
    from tfregkit.training.trainer import Trainer

    terms = {"like": tfregkit.build("similarity", "mse"), "smooth": tfregkit.build("regularizer", "diffusion")}
    if term != "none":
        terms["contrast"] = tfregkit.build("similarity", term)
    network = tfregkit.build("network", "clmorph", probabilistic=False)
    strategy = tfregkit.build("strategy", TERMS[term])
    trainer = Trainer(network=network, objective=Objective(terms=terms), strategy=strategy)
    trainer.compile(optimizer=keras.optimizers.Adam(1e-4), jit_compile=False)
    return trainer


def measure(term, size, repeats, batch):
    """Seconds and CPU seconds of the fastest step after one warm-up, and the process's peak memory in GiB."""
    import tensorflow as tf

    trainer, rng = trainer_of(term), np.random.default_rng(0)
    arrays = {role: rng.random((batch, *size, 1), dtype=np.float32) for role in ("moving", "fixed")}
    arrays |= {f"{role}_subject": np.arange(batch)[:, None] + i * batch for i, role in enumerate(("moving", "fixed"))}
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
    parser.add_argument("--size", type=int, nargs=3, default=(80, 96, 80))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--term", choices=TERMS, help="measure one in this process and print JSON")
    arguments = parser.parse_args()
    if arguments.term:
        print(json.dumps(measure(arguments.term, arguments.size, arguments.repeats, arguments.batch)))
        return
    print("x".join(map(str, arguments.size)), f"batch {arguments.batch}")
    found = {}
    for term in TERMS:
        command = [sys.executable, __file__, *sys.argv[1:], "--term", term]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found[term] = json.loads(done.stdout.splitlines()[-1])
        seconds, cpu, peak = (found[term][key] for key in ("seconds", "cpu", "peak_gib"))
        more = {key: value - found["none"][key] for key, value in found[term].items()}
        print(
            f"  {term:15s} {seconds:6.2f} s/step   {cpu:6.2f} CPU s ({more['cpu']:+.2f})   "
            f"peak {peak:5.2f} GiB ({more['peak_gib']:+.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
