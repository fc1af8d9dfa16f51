"""Warp and VecInt against torch's `grid_sample` and voxelmorph's integration: seconds, ratios and peak memory.

    python scripts/benchmarks/spatial.py [--threads 2] [--rounds 5] [--only warp] [--memory]

Float32, forward and backward, the same field on both sides. Rounds alternate between the two, and the ratio is that of
the fastest rounds. `warp` goes to the field alone; torch's positions are normalised before the clock starts (ours start
from the displacement). `--memory` runs each side once more in a process of its own and prints its peak above what the
libraries and inputs take.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

FULL, HALF = (160, 192, 160), (80, 96, 80)
CASES = {
    "warp": (FULL, 8.0),
    "vecint half": (HALF, 4.0),
    "vecint full": (FULL, 8.0),
    "vecint full, |v| < 1": (FULL, 0.9),
}
STEPS = 7


def smooth_field(shape: tuple[int, ...], largest: float) -> np.ndarray:
    """`(X, Y, Z, 3)` in float32, its largest component `largest` voxels; a value every 16 voxels, linear between."""
    from scipy.ndimage import zoom

    field = np.random.default_rng(0).normal(size=(*[max(size // 16, 2) for size in shape], 3))
    factors = [size / coarse for size, coarse in zip(shape, field.shape, strict=False)]
    field = np.stack([zoom(field[..., c], factors, order=1) for c in range(3)], axis=-1)
    return (field / np.abs(field).max() * largest).astype("float32")


def ours(name: str, threads: int):
    """A function that runs the case once."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)  # read when TensorFlow starts
    import tensorflow as tf

    from tfregkit.layers import SpatialTransformer, VecInt

    shape, largest = CASES[name]
    field = tf.constant(smooth_field(shape, largest)[None])
    image = tf.constant(np.random.default_rng(1).random((1, *shape, 1), dtype="float32"))
    layer = SpatialTransformer(image_gradient=False) if name == "warp" else VecInt(STEPS)
    upstream = tf.ones((1, *shape, 1 if name == "warp" else 3))

    @tf.function
    def run(image, field, upstream):
        with tf.GradientTape() as tape:
            tape.watch(field)
            result = layer([image, field]) if name == "warp" else layer(field)
        return tape.gradient(result, field, output_gradients=upstream)

    return lambda: run(image, field, upstream)


def peer(name: str, threads: int):
    """The same in torch."""
    import torch

    torch.set_num_threads(threads)
    shape, largest = CASES[name]
    field = torch.tensor(smooth_field(shape, largest))
    if name == "warp":
        grid = torch.stack(torch.meshgrid(*[torch.arange(float(size)) for size in shape], indexing="ij"), -1)
        scale = torch.tensor([2 / (size - 1) for size in shape])
        positions = ((grid + field) * scale - 1).flip(-1)[None].contiguous()
        image = torch.rand(1, 1, *shape)
        options = {"mode": "bilinear", "padding_mode": "border", "align_corners": True}
        function, leaf = lambda p: torch.nn.functional.grid_sample(image, p, **options), positions
    else:
        from voxelmorph.nn.modules import IntegrateVelocityField

        function, leaf = IntegrateVelocityField(steps=STEPS), field.movedim(-1, 0)[None].contiguous()
    upstream = torch.ones_like(function(leaf.detach()))

    def run():
        start = leaf.detach().clone().requires_grad_(True)
        function(start).backward(upstream)

    return run


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peak(name: str, side: str, threads: int) -> float:
    """GB that one run adds to the process' peak."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import spatial;"
        "run = getattr(spatial, sys.argv[3])(sys.argv[2], int(sys.argv[4]));"
        "memory = lambda key: int(open('/proc/self/status').read().split(key + ':')[1].split()[0]);"
        "now = memory('VmRSS'); run(); run();"
        "print((memory('VmHWM') - now) * 1024 / 1e9)"
    )
    arguments = [sys.executable, "-c", code, os.path.dirname(os.path.abspath(__file__)), name, side, str(threads)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=list(CASES), nargs="*", default=list(CASES))
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    print(f"{'case':24}{'ours s':>10}{'peer s':>10}{'ratio':>8}" + ("   peak GB ours, peer" if options.memory else ""))
    for name in options.only:
        runs = ours(name, options.threads), peer(name, options.threads)
        seconds(runs[0])  # compiles
        times = np.array([[seconds(run) for run in runs] for _ in range(options.rounds)]).min(axis=0)
        line = f"{name:24}{times[0]:10.3f}{times[1]:10.3f}{times[1] / times[0]:8.2f}"
        if options.memory:
            line += "".join(f"{peak(name, side, options.threads):10.2f}" for side in ("ours", "peer"))
        print(line, flush=True)


if __name__ == "__main__":
    main()
