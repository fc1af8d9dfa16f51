"""Registering a pair whole and by tiles: memory, time, seams, and how far the fields lie apart.

    python scripts/benchmarks/tiles.py moving.nii.gz fixed.nii.gz                      # whole; tiles of 96 and 64
    python scripts/benchmarks/tiles.py moving.nii.gz fixed.nii.gz --spacing 2 32 32:0   # size, or size:overlap

VoxelMorph's network with random weights, made to move things by some tenths of a voxel: what is compared does not
depend on training. Each in a process of its own; CPU seconds, over all cores, are those of the second registration.
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

import numpy as np


def network():
    """VoxelMorph's, whose last convolution is 30,000 times what it begins with."""
    import keras

    import tfregkit

    keras.utils.set_random_seed(0)
    made = tfregkit.build("network", "voxelmorph")
    made({role: np.zeros((1, 16, 16, 16, 1), "float32") for role in ("moving", "fixed")})
    made.velocity_head.set_weights([weights * 3e4 for weights in made.velocity_head.get_weights()])
    return made


def measure(arguments, tile, field):
    """Register twice; keep the field, return the numbers."""
    from tfregkit.inference.registration import Registration

    registration = Registration(network(), arguments.spacing)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size, _, overlap = tile.partition(":")
    tiling = {"tile": int(size), "tile_overlap": int(overlap) if overlap else None} if tile != "whole" else {}
    for _ in range(2):
        started = time.process_time()
        result = registration.register(*arguments.images, **tiling)
        cpu = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    np.save(field, result.displacement)
    return {"before": before, "peak": peak, "cpu": cpu, "tiles": result.about["tiles"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs=2, metavar="IMAGE")
    parser.add_argument("tiles", nargs="*", default=["96", "64", "96:0"])
    parser.add_argument("--spacing", type=float, default=1.0)
    parser.add_argument("--single", nargs=2, help=argparse.SUPPRESS)  # one measurement, in this process
    arguments = parser.parse_args()
    if arguments.single:
        print(json.dumps(measure(arguments, *arguments.single)))
        return
    with tempfile.TemporaryDirectory() as folder:
        fields = {tile: str(Path(folder) / f"{tile.replace(':', '_')}.npy") for tile in ["whole", *arguments.tiles]}
        for tile, field in fields.items():
            command = [sys.executable, __file__, *arguments.images, "--spacing", str(arguments.spacing)]
            done = subprocess.run([*command, "--single", tile, field], check=True, capture_output=True, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            whole, other = np.load(fields["whole"]), np.load(field)
            apart = np.linalg.norm(other - whole, axis=-1).mean() / np.linalg.norm(whole, axis=-1).mean()
            number = "x".join(map(str, found["tiles"]["number"])) if found["tiles"] else "1"
            seam = f"{found['tiles']['seam']:.2f}" if found["tiles"] else ""
            print(
                f"{tile:6s} {number:>6s} tiles  {found['peak']:5.2f} GiB ({found['before']:.2f} before)  "
                f"{found['cpu']:6.1f} CPU s  apart {100 * apart:4.1f} %  seam {seam}"
            )


if __name__ == "__main__":
    main()
