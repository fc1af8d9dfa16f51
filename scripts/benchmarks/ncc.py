"""Local NCC forward and backward to the moved image, against neurite 0.3.4 (torch), and its cost by window.

    python scripts/benchmarks/ncc.py                      # 160 x 192 x 160, windows 5, 9 and 15
    python scripts/benchmarks/ncc.py --size 96 96 96

The two programs take turns in one process. Prints the fastest of the repeats and the ratio. float32, batch 1.
"""

from __future__ import annotations

import argparse
import time

import neurite
import numpy as np
import tensorflow as tf
import torch

import tfregkit

WINDOWS = (5, 9, 15)


def ours(fixed, moved, window):
    """A call that computes our loss and its gradient."""
    term = tfregkit.build("similarity", "ncc", window=window)
    fixed, moved = tf.constant(fixed), tf.constant(moved)

    @tf.function(jit_compile=False)
    def step():
        with tf.GradientTape() as tape:
            tape.watch(moved)
            value = term(fixed, moved)
        return tape.gradient(value, moved)

    return lambda: step().numpy()


def neurites(fixed, moved, window):
    """A call that computes neurite's loss and its gradient."""
    term = neurite.nn.modules.NCC(window_size=window)
    fixed, moved = (torch.from_numpy(x[..., 0][:, None]) for x in (fixed, moved))
    moved.requires_grad_(True)
    return lambda: torch.autograd.grad(-term(fixed, moved).sum(), moved)[0].numpy()


def fastest(calls, repeats):
    """Seconds of the fastest call of each, taking turns after one warm-up."""
    seconds = [[] for _ in calls]
    for repeat in range(repeats + 1):
        for call, times in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            if repeat:
                times.append(time.perf_counter() - start)
    return [min(times) for times in seconds]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=3, default=(160, 192, 160))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    fixed, moved = np.random.default_rng(0).random((2, 1, *arguments.size, 1), dtype=np.float32)
    print("x".join(map(str, arguments.size)))
    for window in WINDOWS:
        mine, peer = fastest([ours(fixed, moved, window), neurites(fixed, moved, window)], arguments.repeats)
        print(f"  window {window:2d}: tfregkit {mine:.3f} s   neurite {peer:.3f} s   ratio {peer / mine:.1f}x")


if __name__ == "__main__":
    main()
