"""What each similarity can do by itself: the velocity of one pair, descended from zero, no network.

    python scripts/benchmarks/descent.py mi --resolution half full --weight 4
    python scripts/benchmarks/descent.py ncc mind local_mi ngf --weight 0.4 --steps 60

T1 of one person (moving) to the pseudo-T2 (predicted from the T1, never acquired) of another, both validation people of
the benchmark data, averaged to 2 mm. Adam on the velocity with diffusion of that weight; prints Dice before and after,
over all labels and over the 16 merged structures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nibabel as nib
import numpy as np
from brain import VALIDATION, data_folder

STEP = 2
"""Voxels of 1 mm in one of the grid."""


def image(path: Path) -> np.ndarray:
    """Means over blocks, in [0, 1]: `(1, X, Y, Z, 1)`."""
    array = np.asarray(nib.load(path).dataobj, dtype=np.float32)
    blocks = [size // STEP for size in array.shape]
    split = [number for count in blocks for number in (count, STEP)]
    array = array[tuple(slice(count * STEP) for count in blocks)].reshape(split).mean(axis=(1, 3, 5))
    low, high = array.min(), np.percentile(array, 99.9)
    return np.clip((array - low) / (high - low), 0, 1)[None, ..., None]


def labels(path: Path) -> np.ndarray:
    """Every second voxel: `(1, X, Y, Z, 1)` float32."""
    array = np.asarray(nib.load(path).dataobj, dtype=np.float32)
    return array[STEP // 2 :: STEP, STEP // 2 :: STEP, STEP // 2 :: STEP][None, ..., None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("similarities", nargs="+")
    parser.add_argument("--data", help="The folder with `brain/` and `structures16.json`.")
    parser.add_argument("--resolution", nargs="+", choices=["half", "full"], default=["half"], help="Of the velocity.")
    parser.add_argument("--weight", type=float, default=0.4, help="Of the velocity's diffusion.")
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()

    from keras import ops

    import tfregkit
    from tfregkit.inference.fit import Fit
    from tfregkit.ops import integrate, resize_field, warp
    from tfregkit.training.callbacks.validation import dice

    data = data_folder(arguments.data)
    merged = list(json.loads((data / "structures16.json").read_text(encoding="utf-8")).values())

    def structures(found: np.ndarray) -> np.ndarray:
        return sum(number * np.isin(found, parts) for number, parts in enumerate(merged, start=1))

    moving_person, fixed_person = (data / "brain" / f"s{person}" for person in VALIDATION)
    moving, fixed = (ops.convert_to_tensor(image(Path(f"{p}_{m}.nii.gz"))) for p, m in
                     ((moving_person, "T1"), (fixed_person, "T2p")))  # fmt: skip
    still, pulled = (labels(Path(f"{person}_seg.nii.gz")) for person in (fixed_person, moving_person))
    shape = tuple(fixed.shape[1:4])
    diffusion = tfregkit.build("regularizer", "diffusion", on="velocity")
    print(f"before: {dice(still, pulled):.3f} all labels, {dice(structures(still), structures(pulled)):.3f} structures")
    for resolution in arguments.resolution:
        grid = tuple(size // 2 for size in shape) if resolution == "half" else shape
        for name in arguments.similarities:
            similarity = tfregkit.build("similarity", name, **({"window": 5} if name == "ncc" else {}))

            def loss(velocity, noise, similarity=similarity):
                moved = warp(moving, resize_field(integrate(velocity), shape), image_gradient=False)
                return ops.mean(similarity(fixed, moved)) + arguments.weight * ops.mean(diffusion(velocity))

            fit = Fit(np.zeros((1, *grid, 3), np.float32), loss, learning_rate=0.1, steps=arguments.steps)
            velocity, losses = fit.run()
            field = resize_field(integrate(ops.convert_to_tensor(velocity)), shape)
            there = warp(ops.convert_to_tensor(pulled), field, interpolation="nearest", image_gradient=False)
            moved = ops.convert_to_numpy(there)
            both = dice(still, moved), dice(structures(still), structures(moved))
            spent = f"loss {losses[0]:.3f} to {losses[-1]:.3f}"
            print(f"{resolution} {name}: {both[0]:.3f} all labels, {both[1]:.3f} structures; {spent}", flush=True)


if __name__ == "__main__":
    main()
