"""The hippocampus data as the benchmarks take it: 12 people tested, 6 validate, 42 are left to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

GRID = {"mode": "crop_pad", "shape": [44, 56, 48]}
"""For all 60; by itself it would be that of those who train."""


def dataset(data: Path) -> tuple[dict, list[str]]:
    """The `dataset` section, and the people who are left."""
    people = sorted(path.name.removesuffix(".nii.gz") for path in (data / "hippocampus/images").glob("*.nii.gz"))
    np.random.default_rng(0).shuffle(people)
    section = {
        "images": f"{data}/hippocampus/images/{{subject}}.nii.gz",
        "labels": f"{data}/hippocampus/labels/{{subject}}.nii.gz",
        "test": people[:12],
        "validation": people[12:18],
    }
    return section, people[18:]


def train_written(whole: dict, target: Path, evaluation: bool = False) -> None:
    """Write an experiment's YAML beside its run directory, and train; what is there is gone on with or left."""
    import yaml

    from tfregkit.cli.main import run

    settings = target.parent / f"{target.name}.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    options = [] if evaluation else ["--set", "evaluation=null"]
    if (target / "evaluation/summary.csv").exists():
        return
    resume = ["--resume"] if target.exists() else []
    if code := run(["train", str(settings), "--run-dir", str(target), *options, *resume]):
        raise SystemExit(code)


def dice_table(runs: Path, out: Path, names: tuple[str, str, str]) -> None:
    """Print mean, spread and number of the tested people's Dice; runs are called `row-second-seed`, as `names` says."""
    import pandas as pd

    found = []
    for path in sorted(runs.glob("*/evaluation/summary.csv")):
        row, second, seed = path.parent.parent.name.rsplit("-", 2)
        summary = pd.read_csv(path)
        dice = summary[(summary.metric == "dice") & summary.structure.isna()]["after"].iloc[0]
        found.append(dict(zip((*names, "dice"), (row, float(second), int(seed), dice), strict=True)))
    frame = pd.DataFrame(found)
    frame.to_csv(out, index=False)
    table = frame.pivot_table(index=names[0], columns=names[1], values="dice", aggfunc=["mean", "std", "count"])
    print(table.round(4).to_string())
