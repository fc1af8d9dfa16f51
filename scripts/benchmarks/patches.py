"""Cost of patches for pre-training: each augmentation of a 96^3 crop with labels, and whole items as MixCL's paper's.

    python scripts/benchmarks/patches.py

CPU milliseconds of the loader's thread. An item is two patches cut out of 200x200x160 scans on their own grids, elastic
and affine with probability 0.5, and three views, each distorted by four changes of intensity with probability 0.2.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from scipy import ndimage

from tfregkit import build
from tfregkit.data.grid import Grid
from tfregkit.data.opening import open_data
from tfregkit.data.settings import DataSettings
from tfregkit.data.writing import write_volume

CROP, SCAN, REPEATS = (96, 96, 96), (200, 200, 160), 40
GEOMETRIC = ["elastic", "affine", "rotate90", "flip"]
INTENSITY = ["brightness", "contrast", "gamma", "smoothing", "noise", "bias_field"]


def scan(seed: int, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image in [0, 1] and two structures."""
    image = np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)
    image = ndimage.uniform_filter(image, 5)
    return image, (image > 0.5).astype(np.uint8) + (image > 0.55)


def augmentation(name: str) -> float:
    """CPU milliseconds of one call that does something."""
    change, (image, labels), times = build("augmentation", name, probability=1.0), scan(0, CROP), []
    for seed in range(9):
        begun = time.process_time()
        done = change({"image": image, "labels": labels}, np.random.default_rng(seed))
        times.append(time.process_time() - begun)
        del done
    return 1000 * float(np.median(times))


def items(folder: Path, margin: int, changes: bool) -> float:
    """CPU milliseconds of one item, scans in the page cache."""
    dataset = {
        "name": "nifti",
        "images": str(folder / "im*.nii"),
        "labels": str(folder / "seg*.nii"),
        "pairing": "single",
    }
    mixed = {"name": "mixture", "sets": [{"name": "made_up", "dataset": dataset, "labels": {"one": 1, "two": 2}}]}
    settings = DataSettings(
        dataset=mixed,
        grid={"mode": "own"},
        normalisation={"mode": "none"},
        crop=CROP,
        crop_margin=margin,
        augmentations=[{"name": name, "probability": 0.5} for name in GEOMETRIC[:2]] if changes else [],
        distortions=[
            {"name": n, "probability": 0.2 if changes else 0.0} for n in ("brightness", "gamma", "smoothing", "noise")
        ],
        cache=folder / "cache",
    )
    train = open_data(settings, seed=0, batch_size=1, labels=True, views=True).train
    train.batch(0)
    begun = time.process_time()
    for step in range(REPEATS):
        train.batch(step)
    return 1000 * (time.process_time() - begun) / REPEATS


def main() -> None:
    for name in GEOMETRIC + INTENSITY:
        print(f"{name:<24}{augmentation(name):>8.1f} ms", flush=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for number in range(3):
            image, labels = scan(number, SCAN)
            for kind, data in (("im", image), ("seg", labels)):
                write_volume(folder / f"{kind}{number}.nii", data, Grid(SCAN, np.eye(4)))
        print(f"{'item, nothing changed':<24}{items(folder, 0, False):>8.1f} ms")
        print(f"{'item':<24}{items(folder, 0, True):>8.1f} ms")
        print(f"{'item, margin 12':<24}{items(folder, 12, True):>8.1f} ms")


if __name__ == "__main__":
    main()
