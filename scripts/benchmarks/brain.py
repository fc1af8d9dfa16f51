"""VoxelMorph on real brains: T1 to T1, trained at 2 mm, evaluated at 1 mm on all ordered test pairs beside ANTs SyN.

    python scripts/benchmarks/brain.py train --run runs/brain --steps 3000
    python scripts/benchmarks/brain.py evaluate --run runs/brain --refine 50
    python scripts/benchmarks/brain.py syn --out runs/syn       # ANTs SyN, its defaults, measured alike
    python scripts/benchmarks/brain.py table runs/brain/evaluation runs/brain/evaluation-refine50 runs/syn

The images are 15 people (OASIS-1, MICCAI-2012 labels) prepared on one 1 mm grid; see `--data`. The table has 16 merged
structures, the mean over all single labels, folds, SDlogJ and seconds per pair, and Wilcoxon's p against the last row.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TRAIN = [1000, 1001, 1002, 1006, 1007, 1008, 1009, 1010, 1011, 1012]
VALIDATION, TEST = [1013, 1014], [1015, 1017, 1036]
COLUMNS = {
    "Dice, 16 structures": ("dice", "after"),
    "all labels": ("dice_2", "after"),
    "Dice30": ("dice30_mean", "after"),
    "folds %": ("folds", "after"),
    "folds % (forward)": ("folds_2", "after"),
    "SDlogJ": ("sdlogj", "after"),
    "NCC": ("ncc", "after"),
    "s per pair": ("seconds", "after_median"),
}


def data_folder(given: str | None) -> Path:
    """Where the brains are: `--data`, the environment, or beside the checkout."""
    folder = Path(given or os.environ.get("TFREGKIT_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "brain").is_dir():
        raise SystemExit(f"{folder}: has no folder `brain`. Set --data or TFREGKIT_SHARED_DATA.")
    return folder.resolve()


def overrides(data: Path, steps: int | None) -> list[str]:
    """The shipped configuration on these people."""
    changes = [
        f"data.dataset.images={data}/brain/s{{subject}}_T1.nii.gz",
        f"data.dataset.labels={data}/brain/s{{subject}}_seg.nii.gz",
        *(
            f"data.dataset.{part}={[str(s) for s in people]}"
            for part, people in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST))
        ),
        "evaluation=null",
    ]
    return changes + ([f"stages.registration.trainer.steps={steps}"] if steps else [])


def settings(data: Path, refine: int = 0):
    """16 structures and all labels, both ways to count folds."""
    from tfregkit.evaluation.settings import EvaluationSettings

    merged = {"structures": str(data / "structures16.json")}
    metrics = [
        {"name": "dice", **merged}, {"name": "dice30", **merged}, "dice",
        "folds", {"name": "folds", "scheme": "forward"}, "sdlogj", "ncc",
    ]  # fmt: skip
    return EvaluationSettings(metrics=metrics, refine=refine, pictures=1)


def ordered_pairs(data: Path, fixed_modality: str = "T1"):
    """All ordered pairs of the test people."""
    return [pair(data, *people, fixed_modality) for people in itertools.permutations(TEST, 2)]


def pair(data: Path, moving: int, fixed: int, fixed_modality: str = "T1"):
    """Two people's scans with their labels."""
    from tfregkit.data.base import Pair, Subject

    def scan(person, modality):
        stem = f"{data}/brain/s{person}"
        return Subject(id=str(person), image=Path(f"{stem}_{modality}.nii.gz"), labels=Path(f"{stem}_seg.nii.gz"))

    return Pair(scan(moving, "T1"), scan(fixed, fixed_modality))


def train(arguments) -> None:
    """Train the preset and say how long it took."""
    from tfregkit.config.experiment import load_experiment
    from tfregkit.training.train import train as train_run

    data = data_folder(arguments.data)
    experiment = load_experiment("voxelmorph_brain", overrides(data, arguments.steps))
    started = time.perf_counter()
    train_run(experiment, arguments.run, resume=arguments.resume)
    print(f"{experiment.stages[0].trainer.steps} steps, {(time.perf_counter() - started) / 60:.1f} min")


def evaluate(arguments) -> None:
    """Register the test pairs at 1 mm; a pair is registered once before, so that no compilation is timed."""
    from tfregkit.evaluation.evaluate import evaluate_run
    from tfregkit.training.run import Run

    data, run = data_folder(arguments.data), Run.open(arguments.run)
    out = run.path / (f"evaluation-refine{arguments.refine}" if arguments.refine else "evaluation")
    evaluate_run(run, settings(data, arguments.refine), ordered_pairs(data), out)


def syn(arguments) -> None:
    """ANTs SyN with its library's defaults (affine start, mutual information), measured as the networks are."""
    from syn import evaluate_syn

    data = data_folder(arguments.data)
    evaluate_syn(ordered_pairs(data, arguments.fixed), settings(data), arguments.out)


def table(arguments) -> None:
    """One row a method, from the folders that `evaluate` and `syn` wrote."""
    import pandas as pd

    from tfregkit.evaluation.statistics import wilcoxon

    found = {folder: pd.read_csv(folder / "summary.csv", keep_default_na=True) for folder in arguments.folders}
    pairs = {folder: _dice_of_pairs(pd.read_csv(folder / "metrics.csv")) for folder in arguments.folders}
    reference = pairs[arguments.folders[-1]]
    print("| method | " + " | ".join(COLUMNS) + " | p against the last |\n|" + "---|" * (len(COLUMNS) + 2))
    first = found[arguments.folders[0]]
    print("| before | " + " | ".join(_cell(first, metric, "before") for metric, _ in COLUMNS.values()) + " | |")
    for folder, summary in found.items():
        cells = [_cell(summary, metric, column) for metric, column in COLUMNS.values()]
        p = "" if pairs[folder] is reference else f"{wilcoxon(reference, pairs[folder].reindex(reference.index)).p:.3f}"
        print(f"| {folder} | " + " | ".join(cells) + f" | {p} |")


def _dice_of_pairs(rows):
    chosen = rows[(rows.metric == "dice") & rows.structure.isna()]
    return chosen.set_index("pair")["after"]


def _cell(summary, metric: str, column: str) -> str:
    line = summary[(summary.metric == metric) & summary.structure.isna()]
    value = float(line[column].iloc[0]) if len(line) else np.nan
    return "" if np.isnan(value) else f"{value:.1f}" if abs(value) > 5 else f"{value:.4f}"


def rows_parser(doc: str, functions, rows: dict, runs: str, steps: int) -> tuple[argparse.ArgumentParser, dict]:
    """A parser for scripts with rows, `train`, `evaluate` and `syn` among their functions, and each one's by name."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="The folder with `brain/`, `structures16.json` and what the script names.")
    commands, found = parser.add_subparsers(required=True), {}
    for function in functions:
        command = found[function.__name__] = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        if function.__name__ != "syn":
            extra = ["syn"] if function.__name__ == "table" else []
            command.add_argument("rows", nargs="+", choices=[*rows, *extra])
        command.add_argument("--runs", type=Path, default=Path(runs))
        if function.__name__ == "train":
            command.add_argument("--steps", type=int, default=steps)
            command.add_argument("--set", action="append", default=[], help="As `tfregkit train --set`.")
    return parser, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="The folder with `brain/` and `structures16.json`.")
    commands = parser.add_subparsers(required=True)
    for function in (train, evaluate, syn, table):
        command = commands.add_parser(function.__name__, help=function.__doc__.splitlines()[0])
        command.set_defaults(function=function)
        if function in (train, evaluate):
            command.add_argument("--run", type=Path, default=Path("runs/brain"))
        if function is train:
            command.add_argument("--steps", type=int)
            command.add_argument("--resume", action="store_true")
        if function is evaluate:
            command.add_argument("--refine", type=int, default=0)
        if function is syn:
            command.add_argument("--out", type=Path, default=Path("runs/syn"))
            command.add_argument("--fixed", default="T1", choices=["T1", "T2p"], help="The fixed images' modality.")
        if function is table:
            command.add_argument("folders", nargs="+", type=Path)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
