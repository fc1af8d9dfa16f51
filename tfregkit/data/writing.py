"""Arrays to NIfTI files: the header that readers agree on, a fitting type, never half written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np

from tfregkit.data.grid import Grid
from tfregkit.errors import DataError
from tfregkit.files import atomic_path

if TYPE_CHECKING:
    from tfregkit.data.volume import Volume

NIFTI_SUFFIXES = (".nii", ".nii.gz")


def output_dtype(data: np.ndarray, like: Volume | None) -> np.dtype:
    """float32 or int32; or the type of `like`'s file if that stores plain, unscaled integers."""
    if like is not None and like.integers is not None:
        return like.integers
    return np.dtype(np.float32 if data.dtype.kind == "f" else np.int32 if data.dtype.itemsize > 2 else data.dtype)


def nifti_image(
    data: np.ndarray, grid: Grid, *, dtype: Any = None, like: Volume | None = None, space: Volume | None = None
) -> nib.Nifti1Image:
    """`data` on `grid` as a nibabel image in mm: sform, and the same qform where the axes are orthogonal.

    Args:
        data: `(X, Y, Z)`, or `(X, Y, Z, 1, 3)` for a field.
        grid: Its grid.
        dtype: The type on disk; `output_dtype` by default. Integers are rounded and clipped to the type's range.
        like: A volume whose type on disk to keep.
        space: A volume on this grid, whose code (scanner, aligned, MNI ...) to keep; `like` by default.
    """
    target = np.dtype(dtype) if dtype is not None else output_dtype(data, like)
    if target.kind in "iu" and data.dtype != target:
        limits = np.iinfo(target)
        largest = np.nextafter(float(limits.max) + 1.0, 0.0)  # below 2^n, which a float of the maximum can round up to
        data = np.clip(np.rint(data, dtype=np.float64), float(limits.min), largest)
    image = nib.Nifti1Image(data.astype(target, copy=False), grid.affine, dtype=target)
    header = (space or like).header if space or like else None
    code = 1
    if isinstance(header, nib.Nifti1Header):
        code = int(header["sform_code"]) or int(header["qform_code"]) or 1
    image.set_sform(grid.affine, code)
    image.set_qform(grid.affine, code if grid.orthogonal else 0)
    image.header.set_xyzt_units("mm")
    return image


def check_nifti_name(path: str | Path) -> None:
    """Refuse a name to write to that does not end in `.nii` or `.nii.gz`."""
    if not str(path).endswith(NIFTI_SUFFIXES):
        raise DataError(f"{path}: an image is written as .nii or .nii.gz.")


def save_image(image: nib.spatialimages.SpatialImage, path: str | Path) -> None:
    """Write a nibabel image, aside and then renamed. Raises `DataError` for a name that is not a NIfTI's."""
    check_nifti_name(path)
    with atomic_path(path) as aside:
        nib.save(image, aside)


def write_volume(
    path: str | Path, data: np.ndarray, grid: Grid, *, dtype: Any = None, like: Volume | None = None
) -> None:
    """Write `data` on `grid` as NIfTI, never half written. Arguments as in `nifti_image`."""
    save_image(nifti_image(data, grid, dtype=dtype, like=like), path)
