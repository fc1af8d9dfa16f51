"""Seconds and peak memory of registering one pair, split into start, load, network, warp and write.

    python scripts/benchmarks/register.py MOVING FIXED [--run RUN] [--spacing 1.0] [--refine N] [--repeat 3]

Each measurement is a process of its own. Without `--run`, an untrained VoxelMorph network is used: it costs the same.
`network (first)` includes what TensorFlow prepares once per process and shape; `network (again)` is what the next pair
of a batch pays.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]


def measure(options: argparse.Namespace) -> dict[str, float]:
    """One registration, from a cold start of Python to the files on disk."""
    started = time.perf_counter()
    from tfregkit.cli.quiet import load_keras

    load_keras()
    import numpy as np

    from tfregkit import build
    from tfregkit.inference.registration import Registration, load_run

    seconds = {"start": time.perf_counter() - started}

    started = time.perf_counter()
    if options.run:
        registration = load_run(options.run)
    else:
        network = build("network", "voxelmorph")
        network({name: np.zeros((1, 32, 32, 32, 1), np.float32) for name in ("moving", "fixed")})
        registration = Registration(network, options.spacing)
    seconds["load run"] = time.perf_counter() - started

    result = registration.register(options.moving, options.fixed, init=options.init, refine=options.refine)
    seconds |= {"load images": result.seconds["read"], "prepare": result.seconds["prepare"]}
    seconds["network (first)"] = result.seconds["network"]
    if options.refine:
        seconds["refine"] = result.seconds["refine"]

    started = time.perf_counter()
    moved, warp = result.moved, result.warp
    seconds["warp"] = result.seconds["warp"] + time.perf_counter() - started

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        result.save(moved=f"{folder}/moved.nii.gz", warp=f"{folder}/warp.nii.gz")
        seconds["write (compressed)"] = time.perf_counter() - started
        started = time.perf_counter()
        result.save(moved=f"{folder}/moved.nii", warp=f"{folder}/warp.nii")
        seconds["write (.nii)"] = time.perf_counter() - started
    assert moved.shape == warp.shape[:3]
    seconds["peak GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    again = registration.register(options.moving, options.fixed, init=options.init)
    seconds["network (again)"] = again.seconds["network"]
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("moving", type=Path)
    parser.add_argument("fixed", type=Path)
    parser.add_argument("--run", type=Path, help="a trained run")
    parser.add_argument("--spacing", type=float, default=1.0, help="of the working grid, without --run")
    parser.add_argument("--init", default="header")
    parser.add_argument("--refine", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(measure(options)))
        return
    command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--once"]
    found = []
    for _ in range(options.repeat):
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    for name in found[0]:
        print(f"{name:20s} {median(run[name] for run in found):7.2f}")


if __name__ == "__main__":
    main()
