"""Where the optimum of each similarity lies: its value against shifts and rotations of one of two aligned scans.

    python scripts/benchmarks/alignment.py --out docs/images/alignment.png
    python scripts/benchmarks/alignment.py --run runs/contrareg     # also the similarities of a trained run

Pairs: real T1 and T2 of one patient (`ms07`), T1 and pseudo-T2 of one person (`brain`). The T1 is moved on the 1 mm
grid and both are then averaged to 2 mm, so that interpolating at the true place is not what makes the optimum. Nothing
is masked. A similarity passes on a pair when each of its six curves (three axes, shifts and rotations) is lowest within
`TOLERANCE` of alignment.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from scipy.ndimage import affine_transform

ROOT = Path(__file__).resolve().parents[2]
PAIRS = {
    "ms07: T1, T2": ("ms07/ms07_T2.nii.gz", "ms07/ms07_T1.nii.gz"),
    "brain: T1, pseudo-T2": ("brain/s1000_T2p.nii.gz", "brain/s1000_T1.nii.gz"),
}
SIMILARITIES = ("mse", "mae", "ncc", "ngf", "mi", "local_mi", "mind", "mind_ssc")
STEPS = {
    "shift": (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
    "rotation": (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.5, 15.0),
}
UNITS = {"shift": "mm", "rotation": "degrees"}
TOLERANCE = 1.0
"""Millimetres or degrees."""


def data_folder(given: str | None) -> Path:
    folder = Path(given or os.environ.get("TFREGKIT_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if missing := [name for files in PAIRS.values() for name in files if not (folder / name).exists()]:
        raise SystemExit(f"{folder}: has no `{missing[0]}`. Set --data or TFREGKIT_SHARED_DATA.")
    return folder


def load(path: Path) -> np.ndarray:
    """Intensities in [0, 1], on the grid of the file."""
    import nibabel as nib

    values = np.asarray(nib.load(path).dataobj, "float32")
    return np.clip(values / np.percentile(values[values > 0], 99.9), 0, 1)


def moved(image: np.ndarray, kind: str, axis: int, amount: float) -> np.ndarray:
    """The image moved along, or turned about, an axis through its centre; linear, zero outside; 1 mm voxels."""
    matrix, offset = np.eye(3), np.zeros(3)
    if kind == "shift":
        offset[axis] = amount
    else:
        angle, (i, j) = np.deg2rad(amount), [other for other in range(3) if other != axis]
        matrix[i, i] = matrix[j, j] = np.cos(angle)
        matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
        centre = (np.array(image.shape) - 1) / 2
        offset = centre - matrix @ centre
    return affine_transform(image, matrix, offset, order=1)


def halved(image: np.ndarray) -> np.ndarray:
    """Averages of 2x2x2 voxels, `(1, X, Y, Z, 1)`."""
    x, y, z = (size // 2 for size in image.shape)
    return image[: 2 * x, : 2 * y, : 2 * z].reshape(x, 2, y, 2, z, 2).mean((1, 3, 5))[None, ..., None]


def positions(kind: str) -> np.ndarray:
    return np.array(sorted({*STEPS[kind], *(-step for step in STEPS[kind])}))


def similarities(names: list[str], run: str | None) -> dict:
    """Compiled functions of a fixed and a moved image by name."""
    import keras
    import tensorflow as tf

    import tfregkit

    terms = {name: tfregkit.build("similarity", name) for name in names}
    if run:
        terms.update(trained(Path(run)))

    def compiled(term):
        more = {"roles": ("fixed", "moving"), "noise": keras.random.uniform((1, 4096), seed=1)}
        asked = {name: more[name] for name in term.needs if name in more}
        return tf.function(lambda fixed, image: term(fixed, image, **asked))

    return {name: compiled(term) for name, term in terms.items()}


def trained(folder: Path) -> dict:
    """The similarities of the last stage of a run, by the names of their terms, as they ended."""
    from tfregkit.api import Similarity
    from tfregkit.training.run import Run

    return {name: term for name, term in Run.open(folder).objective().terms.items() if isinstance(term, Similarity)}


def curves(fixed: np.ndarray, moving: np.ndarray, terms: dict) -> dict:
    """`{name: {(kind, axis): values at positions(kind)}}`."""
    fixed = halved(fixed)
    found: dict = {name: {} for name in terms}
    for kind in STEPS:
        for axis in range(3):
            images = [halved(moved(moving, kind, axis, amount)) for amount in positions(kind)]
            for name, term in terms.items():
                found[name][kind, axis] = np.array([float(term(fixed, image)[0]) for image in images])
    return found


def optimum(kind: str, values: np.ndarray) -> float:
    return float(positions(kind)[np.argmin(values)])


def capture(kind: str, values: np.ndarray) -> float:
    """From how far the curve, on both sides, falls all the way towards its optimum."""
    at, lowest = positions(kind), int(np.argmin(values))
    rising = [np.diff(values[lowest:]) > 0, np.diff(values[lowest::-1]) > 0]
    steps = [len(side) if np.all(side) else int(np.argmin(side)) for side in rising]
    return float(min(at[lowest + steps[0]] - at[lowest], at[lowest] - at[lowest - steps[1]]))


def table(found: dict) -> str:
    rows = [
        "| similarity | pair | lowest at shifts (x, y, z) mm | at rotations, degrees | falls from, mm | degrees | |",
        "|" + "---|" * 7,
    ]
    for name in next(iter(found.values())):
        for pair, terms in found.items():
            lowest, reach = (
                {kind: [function(kind, terms[name][kind, axis]) for axis in range(3)] for kind in STEPS}
                for function in (optimum, capture)
            )
            passed = all(abs(value) <= TOLERANCE for values in lowest.values() for value in values)
            cells = [", ".join(f"{value:g}" for value in lowest[kind]) for kind in STEPS]
            cells += [f"{min(reach[kind]):g}" for kind in STEPS]
            rows.append(f"| `{name}` | {pair} | {' | '.join(cells)} | {'' if passed else '**fails**'} |")
    return "\n".join(rows)


def picture(found: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = list(next(iter(found.values())))
    columns = [(pair, kind) for pair in found for kind in STEPS]
    figure, axes = plt.subplots(len(names), len(columns), figsize=(9.5, 1.05 * len(names) + 0.9), sharex="col")
    for row, name in zip(axes, names, strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for panel, (pair, kind) in zip(row, columns, strict=True):
            values = np.stack([found[pair][name][kind, axis] for axis in range(3)])
            values = (values - values.min()) / max(np.ptp(values), 1e-12)
            failed = any(abs(optimum(kind, line)) > TOLERANCE for line in values)
            for axis, (line, colour) in enumerate(zip(values, ("#0072b2", "#e69f00", "#009e73"), strict=True)):
                panel.plot(positions(kind), line, color=colour, lw=1.2, label="xyz"[axis])
                panel.plot(optimum(kind, line), line.min(), "o", color=colour, ms=3)
            panel.axvline(0, color="#888888", lw=0.6, ls=":", zorder=0)
            panel.set_facecolor("#fbe3e0" if failed else "white")
            panel.set_yticks([])
            panel.tick_params(labelsize=7)
    for panel, (pair, _) in zip(axes[0], columns, strict=True):
        panel.set_title(pair, fontsize=9)
    for panel, (_, kind) in zip(axes[-1], columns, strict=True):
        panel.set_xlabel(f"{kind}, {UNITS[kind]}", fontsize=8)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper center", ncols=3, fontsize=8, frameon=False)
    figure.tight_layout(pad=0.4, rect=(0, 0, 1, 0.97))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=75)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with `ms07` and `brain`")
    parser.add_argument("--similarities", nargs="+", default=SIMILARITIES, metavar="NAME")
    parser.add_argument("--run", help="folder of a trained run whose similarities are measured too")
    parser.add_argument("--out", type=Path, help="the picture")
    given = parser.parse_args()
    data = data_folder(given.data)
    terms = similarities(given.similarities, given.run)
    found = {pair: curves(load(data / fixed), load(data / moving), terms) for pair, (fixed, moving) in PAIRS.items()}
    print(table(found))
    if given.out:
        picture(found, given.out)


if __name__ == "__main__":
    main()
