"""MixCL on a mixture of other anatomy, then the hippocampus from few labels: from scratch and pre-trained.

    python scripts/benchmarks/mixcl.py sets --out runs/mixcl/sets                # the mixture's scans, made once
    python scripts/benchmarks/mixcl.py pretrain --runs runs/mixcl all id label recon
    python scripts/benchmarks/mixcl.py finetune --runs runs/mixcl scratch all id label recon --seeds 1 2 3
    python scripts/benchmarks/mixcl.py table --runs runs/mixcl
    python scripts/benchmarks/mixcl.py register --runs runs/mixcl scratch all    # brains, with and without the encoder

Mixture: T1 brains with the structures of the 16 that are not the hippocampus or beside it, heads whose intensities are
drawn for the label maps of other people, an abdominal CT with organs, an abdominal MR without labels. No scan of the
hippocampus data takes part. Of its 60 people 12 are tested, 6 validate, 5, 15, 50 or 100 % of the other 42 train; the
seed draws them and the first weights, and rows of one seed see the same people in the same order. With `--unetr` a
small UNETR takes the place of the U-Net, and rows are called `unetr_all` and so on; with `--frozen` the encoder stays
as it begins, at random in the row `scratch`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nibabel as nib
import numpy as np
from brain import TEST, TRAIN, VALIDATION, data_folder
from hippocampus import GRID, dataset, dice_table, train_written
from scipy.ndimage import gaussian_filter, zoom

LEFT_OUT = ("hippocampus", "amygdala")
HEAD = {
    "white_matter": [2, 41], "cortex": [3, 42], "ventricle": [4, 43], "cerebellum": [7, 8, 46, 47],
    "thalamus": [10, 49], "caudate": [11, 50], "putamen": [12, 51], "pallidum": [13, 52],
    "brain_stem": [16], "csf": [24],
}  # fmt: skip
ABDOMEN = {"spleen": [1], "kidney": [2, 3], "liver": [5], "stomach": [6], "aorta": [7]}
"""TotalSegmentator's numbers, version 1."""
WEIGHTS = ("identity", "label", "reconstruction")
PRETRAINED = {"all": WEIGHTS, "strong": WEIGHTS, "id": ("identity",), "label": ("label",), "recon": ("reconstruction",)}
STRONG = [
    {"name": "brightness", "probability": 0.8, "strength": 0.2},
    {"name": "gamma", "probability": 0.8, "strength": 0.7},
    {"name": "smoothing", "probability": 0.5},
    {"name": "noise", "probability": 0.8, "strength": 0.1},
]
"""Distortions of the row `strong`; the paper's have a probability of 0.2 each."""
FRACTIONS = (0.05, 0.15, 0.5, 1.0)
UNETR = {"name": "unetr", "patch_size": 8, "positions": [4, 6, 4], "feature_size": 8}
UNETR |= {"hidden_size": 96, "depth": 6, "heads": 3, "mlp_size": 384}
UNETR_DECODER = {"name": "unetr", "filters": [32, 16, 8]}
UNETR_GRID = {**GRID, "shape": [48, 56, 48]}


def merged(labels: np.ndarray, groups: list[list[int]]) -> np.ndarray:
    """A map in which the n-th group of values is n, and all others 0."""
    found = np.zeros(labels.shape, np.uint8)
    for number, values in enumerate(groups, start=1):
        found[np.isin(labels, values)] = number
    return found


def synthesised(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An intensity for every structure, texture, a smooth field over all, and the blur of a scanner."""
    values, place = np.unique(labels, return_inverse=True)
    mean, spread = rng.uniform(0.1, 1.0, values.size), rng.uniform(0.01, 0.08, values.size)
    mean[0] = spread[0] = 0.0
    image = mean[place] + spread[place] * rng.standard_normal(place.shape)
    field = zoom(rng.normal(0, 0.2, (4, 4, 4)), np.array(labels.shape) / 4, order=3)
    blurred = gaussian_filter(image.reshape(labels.shape) * np.exp(field), rng.uniform(0.4, 1.0))
    return (blurred + 0.01 * rng.standard_normal(labels.shape)).astype(np.float32)


def sets(arguments) -> None:
    """Write the scans and label maps of the mixture."""
    data, out = data_folder(arguments.data), arguments.out
    structures = json.loads((data / "structures16.json").read_text())
    brain = [values for name, values in structures.items() if name not in LEFT_OUT]
    for person in [*TRAIN, *VALIDATION]:
        image, labels = (nib.load(data / "brain" / f"s{person}_{kind}.nii.gz") for kind in ("T1", "seg"))
        _save(out / "brain", person, np.asanyarray(image.dataobj), merged(np.asanyarray(labels.dataobj), brain), image)
    for number, path in enumerate(sorted((data / "labelmaps").glob("seg_*.nii.gz"))):
        whole = nib.as_closest_canonical(nib.load(path))
        inside = np.argwhere(np.asanyarray(whole.dataobj) > 0)
        part = whole.slicer[tuple(slice(a, b + 1) for a, b in zip(inside.min(0), inside.max(0), strict=True))]
        labels = np.asanyarray(part.dataobj)
        image = synthesised(labels, np.random.default_rng(number))
        _save(out / "heads", number, image, merged(labels, list(HEAD.values())), part)
    ct, organs, mr = (nib.load(data / "abdomen" / f"{name}.nii.gz") for name in ("ct", "ct_seg104v1", "mr"))
    organs = merged(np.asanyarray(organs.dataobj), list(ABDOMEN.values()))
    _save(out / "ct", 1, np.asanyarray(ct.dataobj).astype(np.float32), organs, ct)
    _save(out / "mr", 1, np.asanyarray(mr.dataobj).astype(np.float32), None, mr)


def _save(folder: Path, name: int, image: np.ndarray, labels: np.ndarray | None, like) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(image, like.affine), folder / f"{name}_image.nii.gz")
    if labels is not None:
        nib.save(nib.Nifti1Image(labels, like.affine), folder / f"{name}_labels.nii.gz")


def mixture(data: Path, folder: Path) -> dict:
    """The `dataset` section."""
    structures = json.loads((data / "structures16.json").read_text())
    classes = {
        "brain": ([name for name in structures if name not in LEFT_OUT], 4),
        "heads": ([f"head_{name}" for name in HEAD], 4),
        "ct": (list(ABDOMEN), 1),
        "mr": ([], 1),
    }
    found = []
    for name, (labels, weight) in classes.items():
        source = {"name": "nifti", "images": f"{folder / name}/{{subject}}_image.nii.gz", "pairing": "single"}
        one = {"name": name, "weight": weight, "dataset": source}
        if labels:
            source["labels"] = f"{folder / name}/{{subject}}_labels.nii.gz"
            one["labels"] = {label: number for number, label in enumerate(labels, start=1)}
        if name == "brain":
            source["validation"] = [str(person) for person in VALIDATION]
        found.append(one)
    return {"name": "mixture", "sets": found}


def pretrain(arguments) -> None:
    """Pre-train rows: all terms, or one alone."""
    data, folder = data_folder(arguments.data), (arguments.sets or arguments.runs / "sets").resolve()
    for row in arguments.rows:
        terms = {name: {"remove": True} for name in WEIGHTS if name not in PRETRAINED[row]}
        stage = {"name": "pretraining", "objective": {"terms": terms}, "trainer": {"steps": arguments.steps}}
        if arguments.unetr:
            stage["model"] = {"encoder": UNETR, "reconstructor": UNETR_DECODER}
        sets = {"dataset": mixture(data, folder)} | ({"distortions": STRONG} if row == "strong" else {})
        target = arguments.runs / "pre" / _called(arguments, row)
        train_written({"base": "mixcl_mini", "data": sets, "stages": [stage]}, target)


def finetune(arguments) -> None:
    """Segment the hippocampus, for every seed and fraction; what is there is left."""
    data = data_folder(arguments.data)
    section, _ = dataset(data)
    for seed, fraction in ((seed, fraction) for fraction in arguments.fractions for seed in arguments.seeds):
        for row in arguments.rows:
            stage = {"name": "segmentation", "trainer": {"steps": arguments.steps}, **_initial(arguments, row)}
            stage |= {"freeze": ["encoder"]} if arguments.frozen else {}
            data_section = {"dataset": {**section, "train_fraction": fraction}, "grid": GRID}
            if arguments.unetr:
                stage["model"] = {"encoder": UNETR, "decoder": UNETR_DECODER}
                data_section["grid"] = UNETR_GRID
            whole = {"base": "segmentation_mini", "seed": seed, "data": data_section, "stages": [stage]}
            called = f"frozen_{_called(arguments, row)}" if arguments.frozen else _called(arguments, row)
            target = arguments.runs / "fine" / f"{called}-{fraction}-{seed}"
            train_written(whole, target, evaluation=True)


def register(arguments) -> None:
    """Register T1 brains by a siamese network with that encoder; `scratch` begins anew."""
    data = data_folder(arguments.data)
    parts = (("train", TRAIN), ("validation", VALIDATION), ("test", TEST))
    for row in arguments.rows:
        brains = {
            "name": "nifti",
            "images": f"{data}/brain/s{{subject}}_T1.nii.gz",
            "labels": f"{data}/brain/s{{subject}}_seg.nii.gz",
            **{part: [str(person) for person in found] for part, found in parts},
        }
        encoder = {"name": "unet", "filters": [12, 24, 48], "convolutions": 2, "normalization": "instance"}
        encoder |= {"initializer": "he", "slope": 0.01}
        network = {"name": "siamese", "encoder": encoder, "steps": 7}
        network["decoder"] = {"name": "unet", "filters": [48], "final": [32], "normalization": "instance"}
        stage = {"name": "registration", "model": network, "trainer": {"steps": arguments.steps}}
        stage |= _initial(arguments, row)
        data_section = {"dataset": brains, "normalisation": {"mode": "zscore"}}
        whole = {"base": "voxelmorph_brain", "data": data_section, "stages": [stage]}
        train_written(whole, arguments.runs / "registration" / row)


def _called(arguments, row: str) -> str:
    return f"unetr_{row}" if arguments.unetr else row


def _initial(arguments, row: str) -> dict:
    if row == "scratch":
        return {}
    return {"initial": {"encoder": {"run": str((arguments.runs / "pre" / _called(arguments, row)).resolve())}}}


def table(arguments) -> None:
    """Mean Dice of the tested people over the seeds, with their spread, by fraction and row."""
    dice_table(arguments.runs / "fine", arguments.runs / "dice.csv", ("row", "fraction", "seed"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="The folder with `brain/`, `hippocampus/`, `labelmaps/` and `abdomen/`.")
    commands = parser.add_subparsers(required=True)
    steps = {"pretrain": 500, "finetune": 300, "register": 400}
    for function in (sets, pretrain, finetune, register, table):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        if function is sets:
            command.add_argument("--out", type=Path, default=Path("runs/mixcl/sets"))
            continue
        command.add_argument("--runs", type=Path, default=Path("runs/mixcl"))
        if function is table:
            continue
        rows = list(PRETRAINED) if function is pretrain else ["scratch", *PRETRAINED]
        command.add_argument("rows", nargs="+", choices=rows)
        command.add_argument("--steps", type=int, default=steps[function.__name__])
        command.set_defaults(unetr=False)
        if function is not register:
            command.add_argument("--unetr", action="store_true")
        if function is pretrain:
            command.add_argument("--sets", type=Path, help="Where `sets` wrote; by default `sets` beside the runs.")
        if function is finetune:
            command.add_argument("--frozen", action="store_true", help="Keep the encoder as it begins.")
            command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
            command.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
