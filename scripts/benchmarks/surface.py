"""Seconds of HD, HD95 and ASSD of two label maps, all structures, on one core.

    taskset -c 0 python scripts/benchmarks/surface.py FIXED_LABELS MOVED_LABELS [--structures FILE] [--repeat 3]

The two maps lie on one grid. `together` is what a pair of an evaluation costs: the distances are worked out once and
shared. `alone` is each metric for itself, `dice` for comparison. The median of the repetitions; CPU seconds are the
process's own.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import nibabel as nib
import numpy as np

from tfregkit.cli.quiet import load_keras
from tfregkit.evaluation.base import Case

METRICS = ("hd", "hd95", "assd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixed")
    parser.add_argument("moved")
    parser.add_argument("--structures", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    load_keras()
    from tfregkit import build

    case = read_case(options.fixed, options.moved)
    print(f"{case.pair}: {'x'.join(map(str, case.fixed.shape))}")
    for convention in ("voxel", "surfel"):
        metrics = {
            name: build("metric", name, structures=options.structures, convention=convention) for name in METRICS
        }
        ways = {"together": list(metrics.values()), **{f"{name} alone": [metric] for name, metric in metrics.items()}}
        for way, members in ways.items():
            report(f"{convention}, {way}", case, members, options.repeat)
        means = {name: metric(case)[""] for name, metric in metrics.items()}
        print("  " + ", ".join(f"{name} {value:.4f} mm" for name, value in means.items()))
    report("dice", case, [build("metric", "dice", structures=options.structures)], options.repeat)


def read_case(fixed: str, moved: str) -> Case:
    """The two label maps as a registered pair whose images are not looked at."""
    image = nib.load(fixed)
    labels = [np.asarray(nib.load(path).dataobj).astype(np.int32) for path in (fixed, moved)]
    nothing = np.zeros(labels[0].shape, np.float32)
    return Case(
        pair="labels",
        fixed=nothing,
        moving=nothing,
        moved=nothing,
        displacement=nothing[..., None],
        affine=image.affine,
        fixed_labels=labels[0],
        moved_labels=labels[1],
    )


def report(name: str, case: Case, metrics: list, repeat: int) -> None:
    spent = []
    for _ in range(repeat):
        fresh = replace(case)  # a case of its own: nothing is kept from the repetition before
        wall, cpu = time.perf_counter(), time.process_time()
        for metric in metrics:
            metric(fresh)
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = (median(each) for each in zip(*spent, strict=True))
    print(f"  {name}: {wall:.2f} s, CPU {cpu:.2f} s")


if __name__ == "__main__":
    main()
