"""The tables of the propagative network and of bilevel training in kind: T1 brains at 2 mm, all rows with equal steps.

    python scripts/benchmarks/propagative.py train --runs runs/propagative --task atlas --steps 400 propagative
    python scripts/benchmarks/propagative.py evaluate --runs runs/propagative --task atlas propagative  # at 1 mm
    python scripts/benchmarks/propagative.py syn --runs runs/propagative --task atlas
    python scripts/benchmarks/propagative.py table --runs runs/propagative --task atlas propagative voxelmorph syn
    tfregkit compare runs/propagative/atlas/propagative runs/propagative/atlas/wo_rn --out compared
    tfregkit cost runs/propagative/atlas/bilevel runs/propagative/atlas/smoothness_0.1 --out cost

Tasks: `atlas` registers people to MNI152, `pairs` people to each other, `t2` people's T1 to other people's pseudo-T2.
Rows are shipped configurations and what is changed in them; runs that are there are gone on with. The people are those
of `brain.py`. Affine only is the column `before` of the evaluations.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from brain import TEST, data_folder, overrides, pair, rows_parser

STAGE = "stages.registration"
MODEL, TERMS, STRATEGY = f"{STAGE}.model", f"{STAGE}.objective.terms", f"{STAGE}.strategy"
MEASURED = ("dice", "ncc", "folds", "sdlogj")
WEIGHTS = {"smoothness": 1.0, "smoothness_P2": 0.06}


def smoothness(factor: float) -> list[str]:
    """Both levels' weights of smoothness, times a factor."""
    return [f"{TERMS}.{name}.weight={factor * weight}" for name, weight in WEIGHTS.items()]


LEARNED = [f"{STRATEGY}.{key}={value}" for key, value in (("every", 4), ("start", 20), ("learning_rate", 0.04))]
"""In few steps the weights must be able to go far: a factor of 30 in 90 changes."""
ROWS = {
    "voxelmorph": ("voxelmorph_brain", [f"{MODEL}.steps=0"]),
    "vm_diff": ("voxelmorph_brain", []),
    "propagative": ("propagative_mini", []),
    "two": ("propagative_mini_2stage", []),
    "four": ("propagative_mini_4stage", []),
    "wo_fen": ("propagative_mini", [f"{MODEL}.features=image"]),
    "wo_rn": ("propagative_mini", [f"{MODEL}.regularization_filters=[]"]),
    "compose": (
        "propagative_mini",
        [f"{MODEL}.propagation=compose", f"{TERMS}.smoothness.regularizer.on=velocity.P1"],
    ),
    "bad": ("propagative_mini", smoothness(10)),
    "bilevel": ("propagative_mini_bilevel", LEARNED),
    "bilevel_bad": (
        "propagative_mini_bilevel",
        [*LEARNED, *smoothness(10), f"{STRATEGY}.upper_values={WEIGHTS}".replace("'", "")],
    ),
    "bilevel_dice": (
        "propagative_mini_bilevel",
        [*LEARNED, f"{STRATEGY}.upper=dice+smoothness", f"{STRATEGY}.roughness=0.02"],
    ),
    **{f"smoothness_{factor}": ("propagative_mini", smoothness(factor)) for factor in (0.1, 0.3, 3)},
    "mind": ("propagative_mini_mind", []),
}
"""Rows by name: the shipped configuration and what is changed. Of five values, 1 is `propagative` and 10 `bad`."""


def task_settings(data: Path, task: str) -> list[str]:
    """What differs between the tasks."""
    if task == "atlas":
        atlas = data / "atlas_mni152"
        return [
            "data.dataset.pairing=atlas",
            f"data.dataset.atlas={atlas}/MNI152_T1.nii.gz",
            f"data.dataset.atlas_labels={atlas}/MNI152_seg.nii.gz",
        ]
    if task == "t2":
        images = f"data.dataset.images={data}/brain/s{{subject}}_{{modality}}.nii.gz"
        return [images, "data.dataset.moving_modality=T1", "data.dataset.fixed_modality=T2p"]
    return []


def task_pairs(data: Path, task: str):
    """The test pairs: each person and the atlas, or all ordered pairs of people."""
    from tfregkit.data.base import Pair, Subject

    if task == "atlas":
        image, labels = (data / "atlas_mni152" / f"MNI152_{kind}.nii.gz" for kind in ("T1", "seg"))
        atlas = Subject(id="MNI152", image=image, labels=labels)
        return [Pair(pair(data, person, person).moving, atlas) for person in TEST]
    modality = "T2p" if task == "t2" else "T1"
    return [pair(data, *people, modality) for people in itertools.permutations(TEST, 2)]


def settings(data: Path):
    """What all rows are measured by."""
    from tfregkit.evaluation.settings import EvaluationSettings

    return EvaluationSettings(metrics=list(MEASURED), pictures=1).with_structures(data / "structures16.json")


def train(arguments) -> None:
    """Train rows, each with its number of steps."""
    from tfregkit.config.experiment import load_experiment
    from tfregkit.training.train import train as train_run

    data = data_folder(arguments.data)
    common = [*overrides(data, arguments.steps), *task_settings(data, arguments.task)]
    for row in arguments.rows:
        base, changes = ROWS[row]
        if row == "bilevel_dice":
            structures = json.loads((data / "structures16.json").read_text())
            changes = [*changes, f"{STRATEGY}.structures={json.dumps(structures)}"]
        experiment = load_experiment(base, [*common, *changes, *arguments.set])
        train_run(experiment, arguments.runs / arguments.task / row, resume=True)


def evaluate(arguments) -> None:
    """Register and measure the test pairs at 1 mm."""
    from tfregkit.evaluation.evaluate import evaluate_run
    from tfregkit.training.run import Run

    data = data_folder(arguments.data)
    for row in arguments.rows:
        run = Run.open(arguments.runs / arguments.task / row)
        evaluate_run(run, settings(data), task_pairs(data, arguments.task), run.path / "evaluation")


def syn(arguments) -> None:
    """ANTs SyN of the same pairs, measured in the same way."""
    from syn import evaluate_syn

    data = data_folder(arguments.data)
    evaluate_syn(task_pairs(data, arguments.task), settings(data), arguments.runs / arguments.task / "syn")


def table(arguments) -> None:
    """Print a line for each row: means and spread over the pairs, seconds as their median."""
    import pandas as pd

    print("| row | Dice | sd | NCC | folds % | SDlogJ | s per pair |\n|" + "---|" * 7)
    lines = {"before": "before"} | {row: "after" for row in arguments.rows}
    for row, column in lines.items():
        folder = arguments.runs / arguments.task / (row if column == "after" else arguments.rows[0])
        inner = folder / "evaluation" if row != "syn" else folder
        summary = pd.read_csv(inner / "summary.csv")
        of = summary[summary.structure.isna()].set_index("metric")
        cells = [of.at["dice", column], of.at["dice", f"{column}_sd"], *(of.at[m, column] for m in MEASURED[1:])]
        seconds = of.at["seconds", "after_median"] if column == "after" else float("nan")
        print(f"| `{row}` | " + " | ".join(f"{cell:.3f}" for cell in cells) + f" | {seconds:.2f} |")


def main() -> None:
    parser, commands = rows_parser(__doc__, (train, evaluate, syn, table), ROWS, "runs/propagative", 400)
    for command in commands.values():
        command.add_argument("--task", choices=["atlas", "pairs", "t2"], default="atlas")
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
