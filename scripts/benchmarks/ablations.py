"""The ablation tables of PC-SwinMorph (3) and CLMorph (III) in kind: T1 brains at 2 mm, one training subject as atlas.

    python scripts/benchmarks/ablations.py train --runs runs/ablations --steps 500 pw pw_cl    # rows, in this order
    python scripts/benchmarks/ablations.py evaluate --runs runs/ablations pw pw_cl             # 1 mm, both directions
    python scripts/benchmarks/ablations.py syn --runs runs/ablations                           # ANTs SyN beside them
    tfregkit compare runs/ablations/pw runs/ablations/pw_cl --direction segmentation --out compared

Rows of one paper are the shipped small configuration and differ by what the table switches; `voxelmorph` is the shipped
one for brains. The people are those of `brain.py`. Runs that are there are gone on with.
"""

from __future__ import annotations

import yaml
from brain import TEST, TRAIN, VALIDATION, data_folder, pair, rows_parser

ATLAS = TRAIN[0]
MODEL, TERMS = "stages.registration.model", "stages.registration.objective.terms"
WHOLE = [f"{MODEL}.patches=1", f"{MODEL}.stitcher=null"]
BYOL = [
    f"{TERMS}.contrast.similarity={{name: byol, width: 64, hidden: 256}}",
    "stages.registration.strategy={name: momentum, decay: 0.99}",
]
NO_CONTRAST, NO_SMOOTHNESS = f"{TERMS}.contrast.weight=0", f"{TERMS}.smooth.weight=0"
ROWS = {
    "voxelmorph": ("voxelmorph_brain", []),
    "b": ("pcswinmorph_mini", [*WHOLE, NO_CONTRAST]),
    "pw": ("pcswinmorph_mini", [f"{MODEL}.stitcher=concat", NO_CONTRAST]),
    "cl": ("pcswinmorph_mini", WHOLE),
    "pw_cl": ("pcswinmorph_mini", [f"{MODEL}.stitcher=concat"]),
    "pw_cl_sw": ("pcswinmorph_mini", []),
    "pw_cl_sw_voxels": ("pcswinmorph_mini", [f"{MODEL}.stitcher.token=voxel"]),
    "recon": ("clmorph_mini", [NO_SMOOTHNESS, NO_CONTRAST]),
    "recon_smooth": ("clmorph_mini", [NO_CONTRAST]),
    "recon_contrast": ("clmorph_mini", [NO_SMOOTHNESS]),
    "clmorph": ("clmorph_mini", []),
    "byol": ("clmorph_mini", BYOL),
}
"""Rows by name: the shipped configuration and what is changed in it."""

METRICS = ["dice", "hd", "assd", "folds", "sdlogj", "ncc", "{name: seam, count: 2}"]


def train(arguments) -> None:
    """Train rows, each with its number of steps."""
    from tfregkit.config.experiment import load_experiment
    from tfregkit.training.train import train as train_run

    data = data_folder(arguments.data)
    people = [
        f"data.dataset.{part}={[str(person) for person in found]}"
        for part, found in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST))
    ]
    for row in arguments.rows:
        base, changes = ROWS[row]
        experiment = load_experiment(
            base,
            [
                f"data.dataset.images={data}/brain/s{{subject}}_T1.nii.gz",
                f"data.dataset.labels={data}/brain/s{{subject}}_seg.nii.gz",
                *people,
                f"data.dataset.reference={str(ATLAS)!r}",
                f"stages.registration.trainer.steps={arguments.steps}",
                "evaluation=null",
                *changes,
                *arguments.set,
            ],
        )
        train_run(experiment, arguments.runs / row, resume=True)


def evaluate(arguments) -> None:
    """Register the test people to the atlas at 1 mm and measure in both directions."""
    from tfregkit.cli.main import run

    structures = data_folder(arguments.data) / "structures16.json"
    metrics = f"evaluation.metrics=[{', '.join(METRICS)}]"
    for row in arguments.rows:
        options = ["--structures", str(structures), "--directions", "registration,segmentation"]
        code = run(["evaluate", str(arguments.runs / row), *options, "--set", metrics])
        if code:
            raise SystemExit(code)


def syn(arguments) -> None:
    """ANTs SyN of the same pairs, measured in the same way."""
    from syn import evaluate_syn

    from tfregkit.evaluation.settings import EvaluationSettings

    data = data_folder(arguments.data)
    metrics = yaml.safe_load(f"[{', '.join(METRICS)}]")
    settings = EvaluationSettings(metrics=metrics, directions=["registration", "segmentation"])
    pairs = [pair(data, person, ATLAS) for person in TEST]
    evaluate_syn(pairs, settings.with_structures(data / "structures16.json"), arguments.runs / "syn")


def main() -> None:
    parser, _ = rows_parser(__doc__, (train, evaluate, syn), ROWS, "runs/ablations", 500)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
