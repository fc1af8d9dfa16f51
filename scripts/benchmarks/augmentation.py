"""Segmenting the hippocampus with 1 or 6 labelled people, with and without images that `tfregkit sample` deforms.

    python scripts/benchmarks/augmentation.py register --runs runs/augmentation  # a network that draws, without labels
    python scripts/benchmarks/augmentation.py sample --runs runs/augmentation    # 48 images per choice of people
    python scripts/benchmarks/augmentation.py segment --runs runs/augmentation none sampled usual both
    python scripts/benchmarks/augmentation.py table --runs runs/augmentation

Of 60 people 12 are tested and 6 validate; the labelled ones are the first of the other 42, whom the seed shuffles. All
42 train the registration, whose labels are not looked at. `none`: only those images. `sampled`: and 48 deformed ones.
`usual`: the affine, elastic and intensity augmentations of `segmentation_mini`. `both`: both. All have the same steps.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from brain import data_folder
from hippocampus import GRID, dataset, dice_table, train_written

ROWS = {"none": (False, False), "sampled": (True, False), "usual": (False, True), "both": (True, True)}
"""Whether deformed images train along, and whether the configuration's own augmentations are on."""
NUMBERS, IMAGES = (1, 6), 48


def labelled(left: list[str], number: int, seed: int) -> list[str]:
    """The people whose labels are known."""
    return np.random.default_rng(seed).permutation(left)[:number].tolist()


def register(arguments) -> None:
    """Register all who are left to each other with a network that draws."""
    section, left = dataset(data_folder(arguments.data))
    grid = {**GRID, "spacing": 1.0}
    stage = {"name": "registration", "trainer": {"steps": arguments.steps, "mixed_precision": "bfloat16"}}
    whole = {"base": "propagative_mini_variational", "data": {"dataset": {**section, "train": left}, "grid": grid}}
    train_written({**whole, "stages": [stage]}, arguments.runs / "registration")


def sample(arguments) -> None:
    """Deform the labelled people towards the others."""
    from tfregkit.cli.main import run

    data = data_folder(arguments.data) / "hippocampus"
    _, left = dataset(data.parent)
    for number, seed in ((number, seed) for number in NUMBERS for seed in arguments.seeds):
        target = arguments.runs / "samples" / f"{number}-{seed}"
        if target.exists():
            continue
        aside = target.with_name("aside")
        shutil.rmtree(aside, ignore_errors=True)
        for person in labelled(left, number, seed):
            words = ["--model", arguments.runs / "registration", "--atlas", data / f"images/{person}.nii.gz"]
            words += ["--labels", data / f"labels/{person}.nii.gz", "-n", IMAGES // number, "--seed", seed]
            if code := run(["sample", *map(str, words), "--out-dir", str(aside / person)]):
                raise SystemExit(code)
            for path in (aside / person).glob("*.nii.gz"):
                path.rename(aside / f"{person}_{path.name}")
        aside.rename(target)


def segment(arguments) -> None:
    """Train and test every row, number of people and seed; what is there is left."""
    section, left = dataset(data_folder(arguments.data))
    for number, seed in ((number, seed) for seed in arguments.seeds for number in NUMBERS):
        for row in arguments.rows:
            sampled, usual = ROWS[row]
            own = {**section, "train": labelled(left, number, seed)}
            if sampled:
                folder = (arguments.runs / "samples" / f"{number}-{seed}").resolve()
                own["extra_images"] = f"{folder}/{{subject}}_image.nii.gz"
                own["extra_labels"] = f"{folder}/{{subject}}_labels.nii.gz"
            parts = {"dataset": own, "grid": GRID, **({} if usual else {"augmentations": []})}
            stage = {"name": "segmentation", "trainer": {"steps": arguments.steps}}
            whole = {"base": "segmentation_mini", "seed": seed, "data": parts, "stages": [stage]}
            train_written(whole, arguments.runs / "unet" / f"{row}-{number}-{seed}", evaluation=True)


def table(arguments) -> None:
    """Mean Dice of the tested people over the seeds, with their spread, by number of labelled people and row."""
    dice_table(arguments.runs / "unet", arguments.runs / "dice.csv", ("row", "people", "seed"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="The folder with `brain/` and `hippocampus/`.")
    commands = parser.add_subparsers(required=True)
    for function in (register, sample, segment, table):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        command.add_argument("--runs", type=Path, default=Path("runs/augmentation"))
        if function in (register, segment):
            command.add_argument("--steps", type=int, default=400 if function is register else 300)
        if function in (sample, segment):
            command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
        if function is segment:
            command.add_argument("rows", nargs="+", choices=list(ROWS))
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
