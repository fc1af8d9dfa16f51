"""ContraReg's table 1 in kind: T1 to pseudo-T2 of other people at 2 mm, every similarity with the same budget of steps.

    python scripts/benchmarks/contrareg.py train --runs runs/table1 --steps 800 mi mcr      # rows, in this order
    python scripts/benchmarks/contrareg.py sweep --runs runs/table1 mi mcr                  # 17 lambdas at 1 mm
    python scripts/benchmarks/brain.py syn --fixed T2p --out runs/table1/syn                # beside them

The pseudo-T2 images were predicted from the T1 and never acquired; see the data's own description. Autoencoders are
trained once, for `mcr`, and copied for the other rows that look at their features.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import yaml
from brain import TEST, TRAIN, VALIDATION, data_folder

FEATURES = {"moving_features": "autoencoder_moving", "fixed_features": "autoencoder_fixed"}
ROWS = {
    "ngf": {"similarity": {"name": "ngf"}},
    "mi": {"similarity": {"name": "mi"}},
    "local_mi": {"similarity": {"name": "local_mi"}},
    "mind": {"similarity": {"name": "mind"}},
    "cr": {"similarity": {"name": "patch_nce", **FEATURES}},
    "mcr": {"similarity": {"name": "mcr", **FEATURES}},
    "cr_mi": {"similarity": {"name": "patch_nce", **FEATURES}, "mutual_information": {"name": "mi"}},
    "cr_extnegs": {"similarity": {"name": "patch_nce", **FEATURES, "external_negatives": 1024}},
    "mcr_randae": {"similarity": {"name": "mcr", **FEATURES}},
}
"""Rows by name: the similarities of their objective."""

AUTOENCODERS = ("autoencoder_moving", "autoencoder_fixed")


def configuration(row: str, data: Path, steps: int, autoencoder_steps: int, settings: list[str]):
    """The row's experiment: the shipped `contrareg_mini` with another similarity."""
    from tfregkit.config.experiment import load_experiment

    terms = {name: {"similarity": similarity} for name, similarity in ROWS[row].items()}
    contrastive = "moving_features" in ROWS[row]["similarity"]
    people = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    dataset = {
        "images": f"{data}/brain/s{{subject}}_{{modality}}.nii.gz",
        "labels": f"{data}/brain/s{{subject}}_seg.nii.gz",
        "moving_modality": "T1",
        "fixed_modality": "T2p",
        **{part: [str(person) for person in found] for part, found in people.items()},
    }
    trained = 0 if row == "mcr_randae" else autoencoder_steps
    before = [
        {"name": name, "trainer": {"steps": trained}} if contrastive else {"name": name, "remove": True}
        for name in AUTOENCODERS
    ]
    registration = {
        "name": "registration",
        "objective": {"terms": terms, "alpha": 0.1 if contrastive else 1.0},
        "trainer": {"steps": steps},
    }
    whole = {"base": "contrareg_mini", "data": {"dataset": dataset}, "stages": [*before, registration]}
    return load_experiment(_written({**whole, "evaluation": None}, row), settings)


def _written(whole: dict, row: str) -> Path:
    path = Path("runs") / f"table1-{row}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    return path


def train(arguments) -> None:
    """Train rows; those that are there are gone on with."""
    from tfregkit.training.run import Run
    from tfregkit.training.train import train as train_run

    data = data_folder(arguments.data)
    for row in arguments.rows:
        experiment = configuration(row, data, arguments.steps, arguments.autoencoder_steps, arguments.set)
        target, source = arguments.runs / row, arguments.runs / "mcr"
        if row in ("cr", "cr_mi", "cr_extnegs") and not Run.exists(target):
            Run.create(target, experiment)
            for number, name in enumerate(AUTOENCODERS, start=1):
                shutil.copytree(source / f"{number}-{name}", target / f"{number}-{name}")
        train_run(experiment, target, resume=True)


def sweep(arguments) -> None:
    """Measure rows at every lambda on the test pairs, at 1 mm on the native grid, as the paper; nothing is stored."""
    from tfregkit.cli.main import run

    structures = data_folder(arguments.data) / "structures16.json"
    runs = [str(arguments.runs / row) for row in arguments.rows]
    options = ["--subset", "test", "--structures", str(structures), "--lambdas", arguments.lambdas, "--no-store"]
    raise SystemExit(run(["sweep", *runs, *options, "--out", str(arguments.runs / "sweep")]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="The folder with `brain/` and `structures16.json`.")
    commands = parser.add_subparsers(required=True)
    for function in (train, sweep):
        command = commands.add_parser(function.__name__, help=function.__doc__.splitlines()[0])
        command.set_defaults(function=function)
        command.add_argument("rows", nargs="+", choices=list(ROWS))
        command.add_argument("--runs", type=Path, default=Path("runs/table1"))
        if function is train:
            command.add_argument("--steps", type=int, default=800)
            command.add_argument("--autoencoder-steps", type=int, default=1500)
            command.add_argument("--set", action="append", default=[], help="As `tfregkit train --set`.")
        if function is sweep:
            command.add_argument("--lambdas", default="paper17")
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
