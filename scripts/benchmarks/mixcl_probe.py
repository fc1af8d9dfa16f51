"""How well a linear map tells the hippocampus's structures from an encoder's features: at random, and pre-trained.

    python scripts/benchmarks/mixcl_probe.py --runs runs/mixcl all id label recon     # after `mixcl.py pretrain`

Nothing of the encoder is trained here. The feature maps of all levels, brought to full resolution, are standardised;
ridge regression to the classes (background, anterior, posterior, each with the same weight) on all voxels of a few
people, and Dice of the largest of the three on 12 others. The same people as in `mixcl.py finetune`, `--people` of them
to learn from, drawn by each of the seeds, which is also that of the random encoder. A row `image` has the intensity
alone, to see what the features add.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from brain import data_folder
from hippocampus import dataset
from mixcl import UNETR_GRID

RIDGE = 1e-3


def features(network, image: np.ndarray) -> np.ndarray:
    """`(voxels, channels)`: all levels of the pyramid at full resolution; the image itself without a network."""
    if network is None:
        return image.reshape(-1, 1)
    from keras import ops

    from tfregkit.ops.resize import resize_image

    maps = network.encoder(image[None], training=False).values()
    full = [np.asarray(resize_image(ops.cast(found, "float32"), image.shape[:-1])) for found in maps]
    return np.concatenate([found.reshape(-1, found.shape[-1]) for found in full], axis=-1)


def probe(network, train, test) -> float:
    """Mean Dice of both structures over those tested."""
    found, classes = _features_and_classes(network, train)
    mean, spread = found.mean(0), found.std(0) + 1e-6
    design = _with_one((found - mean) / spread)
    scaled = design / np.bincount(classes, minlength=3)[classes][:, None]
    solved = np.linalg.solve(scaled.T @ design + RIDGE * np.eye(design.shape[1]), scaled.T @ np.eye(3)[classes])
    dice = []
    for person in test:
        found, classes = _features_and_classes(network, [person])
        guess = (_with_one((found - mean) / spread) @ solved).argmax(-1)
        for number in (1, 2):
            ours, theirs = guess == number, classes == number
            dice.append(2 * np.sum(ours & theirs) / (ours.sum() + theirs.sum()))
    return float(np.mean(dice))


def _features_and_classes(network, people):
    """Of all voxels of some people, in double precision."""
    found = np.concatenate([features(network, image) for image, _ in people]).astype(np.float64)
    return found, np.concatenate([labels.ravel() for _, labels in people])


def _with_one(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.ones((len(array), 1))], axis=-1)


def scans(data: Path) -> tuple[list, list]:
    """Images `(X, Y, Z, 1)` and label maps, prepared as `finetune` does: to learn from, and to test."""
    from tfregkit.config.experiment import load_experiment
    from tfregkit.data.opening import open_data

    section, left = dataset(data)
    everybody = [*section.pop("test"), *left]
    section |= {"train": everybody, "test": [], "name": "nifti", "pairing": "single"}
    settings = ["dataset=" + json.dumps(section), "grid=" + json.dumps(UNETR_GRID)]
    experiment = load_experiment("segmentation_mini", [f"data.{setting}" for setting in settings])
    opened = open_data(experiment.stages[0].data, seed=0, batch_size=1, labels=True, roles=("fixed",))
    found = {}
    for pair in opened.train.pairs:
        arrays = opened.train.scans.load(pair.fixed, "fixed")
        found[pair.fixed.subject] = np.asarray(arrays["image"], np.float32)[..., None], np.asarray(arrays["labels"])
    ordered = [found[person] for person in everybody]
    return ordered[12:], ordered[:12]


def network_of(row: str, kind: Path, seed: int):
    """Trained, at random, or none; `kind` is the run whose configuration the random one has."""
    import keras

    from tfregkit.training.run import Run

    if row == "image":
        return None
    if row != "random":
        return Run.open(kind.parent / row).network()
    keras.utils.set_random_seed(seed)
    return Run.open(kind).experiment.stages[-1].model.build()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", help="Pre-trainings in RUNS/pre, of one kind of encoder.")
    parser.add_argument("--runs", type=Path, default=Path("runs/mixcl"))
    parser.add_argument("--data", help="The folder with `brain/` and `hippocampus/`.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--people", type=int, default=2)
    arguments = parser.parse_args()
    learnt, tested = scans(data_folder(arguments.data))
    for row in ("image", "random", *arguments.rows):
        dice = []
        for seed in arguments.seeds:
            chosen = np.random.default_rng(seed).choice(len(learnt), arguments.people, replace=False)
            network = network_of(row, arguments.runs / "pre" / arguments.rows[0], seed)
            dice.append(probe(network, [learnt[i] for i in chosen], tested))
        print(
            f"{row:8s} {np.mean(dice):.3f} +- {np.std(dice, ddof=1):.3f}",
            [round(value, 3) for value in dice],
            flush=True,
        )


if __name__ == "__main__":
    main()
