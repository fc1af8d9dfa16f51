"""What stitchers can learn: smooth fields with an error of its own in every block, to be mended.

    python scripts/benchmarks/seams.py                                  # a few minutes; the rows of docs/stitching.md
    python scripts/benchmarks/seams.py token=voxel,mlp_ratio=4 --steps 1000

32^3 voxels in 2^3 blocks; fields of sigma 6 voxels and standard deviation 2, errors of sigma 5 and 0.7, a new one in
each block. The stitcher alone is trained (Adam 1e-2, squared error and, with --smoothness, the diffusion of the result)
on 50 fields; the numbers are means over 10 others: the root of the mean square error and the seam.
"""

from __future__ import annotations

import argparse

import keras
import numpy as np
import yaml
from scipy.ndimage import gaussian_filter

import tfregkit
from tfregkit.ops.blocks import merge_blocks
from tfregkit.ops.seam import block_borders, seam_ratio

SIZE, COUNT = 32, 2
ROWS = ["resolution=full", "resolution=half", "token=voxel,resolution=full", "token=voxel,resolution=full,mlp_ratio=4"]


def smooth(rng, size, sigma, deviation):
    field = gaussian_filter(rng.normal(size=(size, size, size, 3)), (sigma, sigma, sigma, 0), mode="nearest")
    return (field / field.std() * deviation).astype("float32")


def examples(number):
    """`(wanted, given)`, each `(number, X, Y, Z, 3)`."""
    rng = np.random.default_rng(0)
    wanted = np.stack([smooth(rng, SIZE, 6, 2.0) for _ in range(number)])
    errors = np.stack([smooth(rng, SIZE // COUNT, 5, 0.7) for _ in range(number * COUNT**3)])
    return wanted, wanted + keras.ops.convert_to_numpy(merge_blocks(errors, COUNT))


class Task(keras.Model):
    """The stitcher, its field, and what is asked of it."""

    def __init__(self, stitcher, smoothness):
        super().__init__()
        self.stitcher, self.smoothness = stitcher, smoothness
        self.diffusion = tfregkit.build("regularizer", "diffusion", on="displacement")

    def call(self, field, training=None):
        return self.stitcher(field, count=COUNT, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=None):
        error = keras.ops.mean(keras.ops.square(y_pred - y))
        return error + self.smoothness * keras.ops.mean(self.diffusion(y_pred))


def measured(wanted, found):
    """Root of the mean square error, and the seam."""
    seams = keras.ops.convert_to_numpy(seam_ratio(found, block_borders(found.shape[1:4], COUNT)))
    return np.sqrt(np.mean(np.square(found - wanted))), seams.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=ROWS, help="parameters of `swin`, as token=voxel,window=4")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--smoothness", type=float, default=0.0)
    arguments = parser.parse_args()
    wanted, given = examples(60)
    print(f"{'wanted':45s} rmse 0      seam {measured(wanted, wanted)[1]:.2f}")
    print("{:45s} rmse {:.3f}  seam {:.2f}".format("concat", *measured(wanted[50:], given[50:])))
    for row in arguments.rows:
        keras.utils.set_random_seed(1)
        parameters = {key: yaml.safe_load(value) for key, value in (pair.split("=") for pair in row.split(","))}
        task = Task(tfregkit.build("stitcher", "swin", **parameters), arguments.smoothness)
        task.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
        task.fit(given[:50], wanted[:50], batch_size=1, epochs=max(arguments.steps // 50, 1), verbose=0)
        print("{:45s} rmse {:.3f}  seam {:.2f}".format(row, *measured(wanted[50:], task.predict(given[50:], 1, 0))))


if __name__ == "__main__":
    main()
