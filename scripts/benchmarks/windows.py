"""Segmenting a volume whole and by windows: memory and time.

    python scripts/benchmarks/windows.py                         # 160x192x160, windows of 96^3 that share 24 or 48
    python scripts/benchmarks/windows.py --shape 96 96 96 48:24  # windows of 48^3 that share 24

A U-Net of four halvings and UNETR small (`unetr.py`) with random weights and three classes. Each with each tiling in a
process of its own; CPU seconds, over all cores, are those of one segmentation, about one of them for tracing the graph.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

UNET = {"convolutions": 2, "normalization": "instance", "slope": 0.01}
NETWORKS = {
    "unet": {
        "encoder": {"name": "unet", "filters": [16, 32, 64, 128, 256], **UNET},
        "decoder": {"name": "unet", "filters": [128, 64, 32, 16], "final": [16], **UNET},
    },
    "unetr": {
        "encoder": {"name": "unetr", "feature_size": 8, "hidden_size": 192, "heads": 3, "mlp_size": 768},
        "decoder": {"name": "unetr", "filters": [64, 32, 16, 8]},
    },
}


def measure(arguments, network, tile):
    """Segment; return the numbers."""
    import keras

    import tfregkit
    from tfregkit.data.grid import Grid
    from tfregkit.data.volume import Volume
    from tfregkit.inference.segmenter import Segmenter

    keras.utils.set_random_seed(0)
    made = tfregkit.build("network", "segmentation", labels=[1, 2], **NETWORKS[network])
    image = Volume(np.random.default_rng(0).random(arguments.shape, np.float32), Grid(arguments.shape, np.eye(4)))
    segmenter = Segmenter(made, 1.0)
    size, _, overlap = tile.partition(":")
    tiling = {} if tile == "whole" else {"tile": int(size), "tile_overlap": int(overlap)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    started = time.process_time()
    found = segmenter.segment(image, **tiling)
    cpu = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    tiles = found.about["tiles"] or {"number": [1, 1, 1]}
    wall = {name: found.seconds[name] for name in ("network", "labels")}
    return {"before": before, "peak": peak, "cpu": cpu, "number": tiles["number"], **wall}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tiles", nargs="*", default=["96:24", "96:48"], metavar="SIZE:OVERLAP")
    parser.add_argument("--shape", nargs=3, type=int, default=[160, 192, 160])
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--single", nargs=2, help=argparse.SUPPRESS)  # one measurement, in this process
    arguments = parser.parse_args()
    arguments.shape = tuple(arguments.shape)
    if arguments.single:
        print(json.dumps(measure(arguments, *arguments.single)))
        return
    for network in arguments.networks:
        for tile in ["whole", *arguments.tiles]:
            command = [sys.executable, __file__, "--shape", *map(str, arguments.shape), "--single", network, tile]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                print(
                    f"{network:6s} {tile:6s} failed: {done.stderr.splitlines()[-1][:100] if done.stderr else 'killed'}"
                )
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{network:6s} {tile:6s} {'x'.join(map(str, found['number']))} windows  {found['peak']:5.2f} GiB "
                f"({found['before']:.2f} before)  {found['cpu']:6.1f} CPU s  wall: network {found['network']:.1f} s, "
                f"labels {found['labels']:.1f} s"
            )


if __name__ == "__main__":
    main()
