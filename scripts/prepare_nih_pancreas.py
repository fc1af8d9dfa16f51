"""NIH Pancreas-CT, as downloaded from The Cancer Imaging Archive, to NIfTI files for a `nifti` data set.

    python scripts/prepare_nih_pancreas.py Pancreas-CT nih_pancreas

The release has one DICOM series below each `PANCREAS_0001` to `PANCREAS_0082` (0025 and 0070 were withdrawn), and label
maps `label0001.nii.gz` anywhere below the same folder. OUT gets `images/0001.nii.gz` and `labels/0001.nii.gz`. Started
again, it goes on where it stopped. Needs SimpleITK, which reads DICOM. See docs/data-ct.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from releases import check_complete, command

from tfregkit.data.grid import Grid
from tfregkit.data.volume import read_volume, write_volume
from tfregkit.errors import DataError

CASES = [f"{number:04d}" for number in range(1, 83) if number not in (25, 70)]
TISSUE = (-50.0, 250.0)
"""Between which the median of a pancreas lies, in HU: fat and air are below, bone is above."""


def prepare(arguments: argparse.Namespace) -> None:
    release, out = arguments.release, arguments.out
    series = _series(release)
    labels = {path.name[5:9]: path for path in sorted(release.rglob("label????.nii.gz"))}
    check_complete(release, CASES, series, "folders PANCREAS_???? with a DICOM series")
    check_complete(release, CASES, labels, "label maps label????.nii.gz")
    for case in CASES:
        paths = [out / kind / f"{case}.nii.gz" for kind in ("images", "labels")]
        if all(path.is_file() for path in paths):
            continue
        image, grid = _read_series(series[case])
        values = read_volume(labels[case], labels=True).data
        _check(image, values, labels[case])
        for path, data in zip(paths, (image.astype(np.int16), (values > 0).astype(np.uint8)), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(path, data, grid, dtype=data.dtype)
        print(case, flush=True)
    print(f"{out}: {len(CASES)} scans")


def _series(release: Path) -> dict[str, Path]:
    """The folder with the slices of each patient."""
    found: dict[str, Path] = {}
    for path in sorted(release.rglob("PANCREAS_????/**/*.dcm")):
        case = next(part[9:] for part in path.parts if part.startswith("PANCREAS_"))
        if found.setdefault(case, path.parent) != path.parent:
            raise DataError(f"{path.parent}: patient {case} has a second series, beside {found[case]}.")
    return found


def _read_series(folder: Path) -> tuple[np.ndarray, Grid]:
    """The slices as one volume `(X, Y, Z)` in DICOM's order: to the patient's left, back and head."""
    try:
        import SimpleITK
    except ImportError as error:
        raise DataError("DICOM series are read by SimpleITK, which is not installed: pip install SimpleITK") from error
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    try:
        image = SimpleITK.ReadImage(names)
    except RuntimeError as error:
        raise DataError(f"{folder}: is no readable DICOM series ({str(error).strip().splitlines()[-1]}).") from error
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine  # LPS to RAS
    data = SimpleITK.GetArrayFromImage(image).transpose()
    return data, Grid(data.shape, affine)


def _check(image: np.ndarray, values: np.ndarray, path: Path) -> None:
    """The label maps' headers do not place them: their voxels are the image's, in the same order."""
    if values.shape != image.shape:
        raise DataError(f"{path}: has {values.shape} voxels, its image {image.shape}.")
    if not values.any():
        raise DataError(f"{path}: has no label in it.")
    median = float(np.median(image[values > 0]))
    if not TISSUE[0] <= median <= TISSUE[1]:
        raise DataError(
            f"{path}: does not lie on the pancreas of its image: the median there is {median:.0f} HU, expected "
            f"{TISSUE[0]:.0f} to {TISSUE[1]:.0f}. Is it of another release, turned or flipped already?"
        )


def main(words: list[str] | None = None) -> int:
    return command(words, __doc__, prepare)


if __name__ == "__main__":
    sys.exit(main())
