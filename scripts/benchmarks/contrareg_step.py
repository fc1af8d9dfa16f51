"""A whole ContraReg training step with each similarity: conditioned network, both directions, Adam.

    python scripts/benchmarks/contrareg_step.py                                   # 96^3, 64 channels: mi, mcr
    python scripts/benchmarks/contrareg_step.py --size 80 96 80 --channels 16 --resolution half mi mcr mind ngf

Every similarity in a process of its own; seconds of the fastest step and peak memory, and ratios to the first.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np


def trainer_of(similarity, shape, channels, resolution):
    """A compiled trainer and a batch."""
    import keras
    from scipy.ndimage import gaussian_filter

    import tfregkit
    from tfregkit.objective.objective import Objective
    from tfregkit.training.trainer import Trainer

    rng = np.random.default_rng(0)
    moving, fixed = (gaussian_filter(rng.random(shape, dtype=np.float32), 2)[None, ..., None] for _ in range(2))
    network = tfregkit.build("network", "contrareg", channels=channels, resolution=resolution)
    options = {"moving_features": "a", "fixed_features": "a"} if similarity in ("mcr", "patch_nce") else {}
    term = tfregkit.build("similarity", similarity, **options)
    if options:
        autoencoder = tfregkit.build("network", "autoencoder")
        autoencoder({role: keras.KerasTensor(moving.shape) for role in ("moving", "fixed")})
        term.use(moving=autoencoder.extractor("moving"), fixed=autoencoder.extractor("fixed"))
    terms = {"similarity": term, "smoothness": tfregkit.build("regularizer", "velocity_l2", on="velocity")}
    objective = Objective(terms=terms, alpha=0.1, lam="uniform")
    strategy = tfregkit.build("strategy", "unsupervised", symmetric=True)
    trainer = Trainer(network=network, objective=objective, strategy=strategy)
    trainer.compile(optimizer=keras.optimizers.Adam(5e-5), jit_compile=False)
    lam, noise = (rng.random((1, n), dtype=np.float32) for n in (1, 4096))
    batch = {"moving": moving, "fixed": fixed, "lam": lam, "noise": noise}
    trainer.build_from(batch)
    return trainer, batch


def measure(arguments, similarity):
    """Seconds of the fastest step after one warm-up, and the process's peak memory in GiB."""
    import keras

    trainer, batch = trainer_of(similarity, tuple(arguments.size), arguments.channels, arguments.resolution)
    tensors = {name: keras.ops.convert_to_tensor(value) for name, value in batch.items()}
    seconds = []

    def feed():
        while True:
            yield [tensors]

    class Clock(keras.callbacks.Callback):
        def on_train_batch_begin(self, step, logs=None):
            self.start = time.perf_counter()

        def on_train_batch_end(self, step, logs=None):
            seconds.append(time.perf_counter() - self.start)

    steps = arguments.repeats + 1
    trainer.fit(trainer.fit_source(feed()), steps_per_epoch=steps, verbose=0, callbacks=[Clock()], shuffle=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": min(seconds[1:]), "peak_gib": peak}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("similarities", nargs="*", default=["mi", "mcr"])
    parser.add_argument("--size", type=int, nargs=3, default=[96, 96, 96])
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--resolution", choices=("full", "half"), default="full")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--own-process", action="store_true", help="measure the first one here and print JSON")
    arguments = parser.parse_args()
    if arguments.own_process:
        print(json.dumps(measure(arguments, arguments.similarities[0])))
        return
    given = [word for word in sys.argv[1:] if word not in arguments.similarities]
    found = {}
    for similarity in arguments.similarities:
        command = [sys.executable, __file__, similarity, *given, "--own-process"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found[similarity] = json.loads(done.stdout.splitlines()[-1])
        first, result = found[arguments.similarities[0]], found[similarity]
        print(
            f"{similarity:10s} {result['seconds']:7.2f} s/step  {result['seconds'] / first['seconds']:5.2f}x   "
            f"peak {result['peak_gib']:5.2f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
