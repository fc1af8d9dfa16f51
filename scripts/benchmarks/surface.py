"""Seconds of HD, HD95 and ASSD of two label maps, all structures, on one core.

    taskset -c 0 python scripts/benchmarks/surface.py FIXED_LABELS MOVED_LABELS [--structures FILE] [--repeat 3]

The two maps lie on one grid. `together` is what a pair of an evaluation costs: the distances are worked out once and
shared. `alone` is each metric for itself, `dice` for comparison. The library is DeepMind's `surface-distance`, which
gives the same three numbers of surface elements. The median of the repetitions; CPU seconds are the process's own.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
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
    from tfregkit_plugins.metrics.structures import read_structures

    case = read_case(options.fixed, options.moved)
    print(f"{case.pair}: {'x'.join(map(str, case.fixed.shape))}")
    for convention in ("voxel", "surfel"):
        metrics = {
            name: build("metric", name, structures=options.structures, convention=convention) for name in METRICS
        }
        ways = {"together": list(metrics.values()), **{f"{name} alone": [metric] for name, metric in metrics.items()}}
        for way, members in ways.items():
            report(f"{convention}, {way}", case, together(members), options.repeat)
        means = {name: metric(case)[""] for name, metric in metrics.items()}
        print("  " + ", ".join(f"{name} {value:.4f} mm" for name, value in means.items()))
    report("dice", case, build("metric", "dice", structures=options.structures), options.repeat)
    structures = read_structures(options.structures) if options.structures else None
    theirs = report("surface-distance", case, lambda fresh: library(fresh, structures), options.repeat)
    print("  " + ", ".join(f"{name} {value:.4f} mm" for name, value in theirs.items()))


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


def together(metrics: list) -> Callable[[Case], list]:
    """Several metrics as one."""
    return lambda case: [metric(case) for metric in metrics]


def library(case: Case, structures: dict[str, list[int]] | None) -> dict[str, float]:
    """The same metrics by the library, which is called once for each structure; their means."""
    import surface_distance

    spacing = np.linalg.norm(case.affine[:3, :3], axis=0)
    present = np.union1d(case.fixed_labels, case.moved_labels)
    found = []
    for labels in (structures or {str(label): [label] for label in present if label}).values():
        masks = (np.isin(side, labels) for side in (case.fixed_labels, case.moved_labels))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it uses names that SciPy is about to drop
            one = surface_distance.compute_surface_distances(*masks, spacing)
        there, back = one["surfel_areas_gt"], one["surfel_areas_pred"]
        total = (one["distances_gt_to_pred"] * there).sum() + (one["distances_pred_to_gt"] * back).sum()
        percentiles = [surface_distance.compute_robust_hausdorff(one, share) for share in (100, 95)]
        found.append((*percentiles, total / (there.sum() + back.sum())))
    return dict(zip(METRICS, np.mean(found, axis=0).tolist(), strict=True))


def report(name: str, case: Case, measure: Callable[[Case], object], repeat: int) -> object:
    """Time and print; returns what was measured."""
    spent, found = [], None
    for _ in range(repeat):
        fresh = replace(case)  # a case of its own: nothing is kept from the repetition before
        wall, cpu = time.perf_counter(), time.process_time()
        found = measure(fresh)
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = (median(each) for each in zip(*spent, strict=True))
    print(f"  {name}: {wall:.2f} s, CPU {cpu:.2f} s")
    return found


if __name__ == "__main__":
    main()
