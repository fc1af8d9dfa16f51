"""Seconds of registering one pair at 17 lambdas: in one call, and in 17 calls.

    python scripts/benchmarks/lambdas.py MOVING FIXED [--channels 16] [--spacing 2.0] [--affine] [--repeat 3]

Both in one process and in turns, after a first call of each; an untrained ContraReg network, which costs the same as a
trained one. CPU seconds are the process's own, so that they mean something on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from tfregkit.cli.quiet import load_keras
from tfregkit.lambdas import NAMED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("moving")
    parser.add_argument("fixed")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--spacing", type=float, default=2.0)
    parser.add_argument("--affine", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    load_keras()
    import numpy as np

    from tfregkit import build
    from tfregkit.inference.registration import Registration

    network = build("network", "contrareg", channels=options.channels)
    image = np.zeros((1, 32, 32, 32, 1), np.float32)
    network({"moving": image, "fixed": image, "lam": np.zeros((1, 1), np.float32)})
    registration = Registration(network, options.spacing)
    lambdas = NAMED["paper17"]

    def run(lam: object) -> None:
        for _ in registration.register_each(options.moving, options.fixed, lam, affine=options.affine):
            pass

    ways = {"one call": lambda: run(lambdas), "17 calls": lambda: [run(lam) for lam in lambdas]}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    run(lambdas)
    run(lambdas[0])
    for _ in range(options.repeat):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            spent[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    middle = {name: [median(each) for each in zip(*times, strict=True)] for name, times in spent.items()}
    for name, (wall, cpu) in middle.items():
        print(f"{name}: {wall:.1f} s, CPU {cpu:.1f} s")
    ratios = [one / many for one, many in zip(middle["one call"], middle["17 calls"], strict=True)]
    print(f"one call / 17 calls: {ratios[0]:.2f} wall, {ratios[1]:.2f} CPU")


if __name__ == "__main__":
    main()
