"""What each term of MixCL adds to a pre-training step, each in a process of its own, and what drawing voxels costs.

    python scripts/benchmarks/mixcl_step.py                       # U-Net 16-32-64-128-256, 96^3, one pair of patches
    python scripts/benchmarks/mixcl_step.py --encoder unetr       # UNETR-B/16, as in the paper
    python scripts/benchmarks/mixcl_step.py --items 20            # CPU seconds of `Strategy.item`, no step

Whole steps of the trainer (strategy, objective, Adam). Prints seconds per step (the fastest of the repeats), the CPU
seconds of that step, the peak memory of the process, and what each has more than the objective without labels.
float32, unless `--policy` says otherwise. The label maps are balls of five classes.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from trainer_step import compiled, main

TERMS = {"identity": "identity_consistency", "label": "label_consistency", "reconstruction": "mse"}
PROGRAMS = {
    "identity, reconstruction": ("identity", "reconstruction"),
    "all three": ("identity", "label", "reconstruction"),
    "label, reconstruction": ("label", "reconstruction"),
    "reconstruction": ("reconstruction",),
    "identity": ("identity",),
}
CHANNELS = [16, 32, 64, 128, 256]


def parts(encoder):
    """The sections of an encoder and of a reconstructor."""
    if encoder == "unetr":
        return {"name": "unetr"}, {"name": "unetr"}
    shared = {"name": "unet", "convolutions": 2, "normalization": "instance"}
    return {**shared, "filters": CHANNELS}, {**shared, "filters": CHANNELS[-2::-1], "final": [16]}


def label_maps(size):
    """Two patches with balls of classes 1 to 5, the larger the number the smaller."""
    places, rng = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), axis=-1), np.random.default_rng(1)
    maps = {}
    for role in ("fixed", "moving"):
        labels = np.zeros(size, np.int32)
        for number in range(1, 6):
            centre = rng.uniform(0.25, 0.75, 3) * size
            labels[((places - centre) ** 2).sum(-1) < (min(size) / (3 + 2 * number)) ** 2] = number
        maps[f"{role}_labels"] = labels
    return maps


def prepared(encoder, policy):
    """A function that gives the trainer and the batch of a program."""

    def prepare(program, size, batch):
        import keras

        import tfregkit
        from tfregkit.objective.objective import Objective

        keras.config.set_dtype_policy(policy)
        encoding, decoding = parts(encoder)
        network = tfregkit.build("network", "mixcl", encoder=encoding, reconstructor=decoding)
        keras.config.set_dtype_policy("float32")
        terms = {name: tfregkit.build("similarity", TERMS[name]) for name in PROGRAMS[program]}
        strategy = tfregkit.build("strategy", "mixcl")
        strategy.connect(Objective(terms=terms))
        rng = np.random.default_rng(0)
        names = ("fixed", "moving", "fixed_view", "fixed_second_view", "moving_view")
        arrays = {name: rng.random((batch, *size, 1), dtype=np.float32) for name in names}
        items = [strategy.item(label_maps(size), np.random.default_rng(i)) for i in range(batch)]
        arrays |= {name: np.stack([item[name] for item in items]) for name in items[0]}
        return compiled(network, terms, strategy), arrays

    return prepare


def time_items(count, size):
    """CPU seconds that drawing the voxels of an item takes."""
    import tfregkit

    strategy, maps = tfregkit.build("strategy", "mixcl"), label_maps(size)
    taken = []
    for number in range(count):
        start = time.process_time()
        strategy.item(maps, np.random.default_rng(number))
        taken.append(time.process_time() - start)
    print(f"item at {'x'.join(map(str, size))}: {1e3 * np.median(taken):.1f} CPU ms")


if __name__ == "__main__":
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--encoder", choices=["unet", "unetr"], default="unet")
    own.add_argument("--policy", default="float32")
    own.add_argument("--items", type=int)
    given, _ = own.parse_known_args()
    if given.items:
        time_items(given.items, (96, 96, 96))
        sys.exit()
    main(__doc__, "program", list(PROGRAMS), prepared(given.encoder, given.policy), (96, 96, 96), [own])
