"""Images with their place in the world: the only module that knows headers, orientation and millimetres.

World coordinates are NIfTI's RAS in mm. Everything else in the toolkit sees arrays in voxels.
"""

from __future__ import annotations

import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np

from tfregkit.data.grid import Grid, overlap, same_grid, working_grid
from tfregkit.data.sampling import Interpolation, affine_sample, sample
from tfregkit.data.whole_numbers import whole_numbers
from tfregkit.data.writing import nifti_image, save_image, write_volume
from tfregkit.errors import DataError

__all__ = [
    "Grid",
    "Volume",
    "check_overlap",
    "nifti_image",
    "overlap",
    "read_field",
    "read_grid",
    "read_volume",
    "resample",
    "same_grid",
    "sample",
    "save_image",
    "working_grid",
    "write_volume",
]

UNITS_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}


@dataclass(eq=False)
class Volume:
    """A 3-D image or label map, `data` `(X, Y, Z)` on `grid`, and what its file says for writing another one alike.

    `integers` is the type of a file that stores plain, unscaled integers.
    """

    data: np.ndarray
    grid: Grid
    path: Path | None = None
    header: Any = field(default=None, repr=False)
    integers: np.dtype | None = None

    @property
    def name(self) -> str:
        """For messages: the file, or what the image is if it has none."""
        return str(self.path) if self.path else "the image given from memory"


def _open(source: Any) -> tuple[Any, str, Path | None]:
    """A nibabel image (nothing read but the header), its name for messages, and its path."""
    if isinstance(source, nib.spatialimages.SpatialImage):
        name = source.get_filename()
        return source, name or "the image given from memory", Path(name) if name else None
    if not isinstance(source, str | Path):
        raise DataError(f"an image is a path or a nibabel image. Received: {type(source).__name__}")
    path = Path(source)
    if not path.exists():
        raise DataError(f"{path}: there is no such file.")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a NIfTI image.")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes).")
    try:
        image = nib.load(path)
    except (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError, OSError, EOFError, zlib.error) as e:
        raise DataError(f"{path}: is not a NIfTI image that can be read ({e}).") from e
    if not isinstance(image, nib.spatialimages.SpatialImage):
        raise DataError(f"{path}: is not a NIfTI image (nibabel reads it as {type(image).__name__}).")
    return image, str(path), path


def _three_axes(image: Any, name: str) -> tuple[int, int, int]:
    """The three sizes; trailing axes of size 1 are dropped, anything else is refused."""
    shape = tuple(image.shape)
    if 0 in shape:
        raise DataError(f"{name}: has no voxels (shape {shape}).")
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) > 3:
        hint = (
            "It looks like a displacement field: give it as a warp, not as an image."
            if len(shape) == 5
            else f"Pick one of its {shape[3]} volumes first (nibabel: `image.slicer[..., 0]`)."
        )
        raise DataError(f"{name}: has {len(shape)} dimensions (shape {tuple(image.shape)}), expected 3. {hint}")
    if len(shape) < 3:
        raise DataError(f"{name}: has {len(shape)} dimension(s) (shape {shape}), expected 3.")
    return shape


def _geometry(image: Any, shape: tuple[int, int, int], name: str) -> Grid:
    """The grid. Headers in metres or microns are converted to mm; ambiguous ones are used with a warning."""
    affine = np.array(image.affine, dtype=np.float64) if image.affine is not None else np.full((4, 4), np.nan)
    header = image.header
    if isinstance(header, nib.Nifti1Header):
        affine[:3] *= UNITS_MM.get(header.get_xyzt_units()[0], 1.0)
    try:
        grid = Grid(shape, affine)
    except DataError as error:
        raise DataError(f"{name}: {error} Repair the header (sform, qform or pixdim) first.") from error
    if isinstance(header, nib.Nifti1Header):
        _warn_if_ambiguous(header, grid, name)
    return grid


def _warn_if_ambiguous(header: Any, grid: Grid, name: str) -> None:
    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    if not sform and not qform:
        warnings.warn(
            f"{name}: the header has neither sform nor qform; the world is taken as nibabel does (the image's "
            "centre at 0, x to the left). ITK and ANTs place such an image elsewhere.",
            stacklevel=4,
        )
    elif sform and qform:
        other = Grid(grid.shape, header.get_qform()) if np.linalg.det(header.get_qform()[:3, :3]) else None
        if other is None or np.abs(other.corners_mm() - grid.corners_mm()).max() > 0.1 * grid.spacing.max():
            warnings.warn(
                f"{name}: the header's sform and qform disagree; the sform is used. ITK and ANTs may use the qform.",
                stacklevel=4,
            )


def _values(image: Any, shape: tuple[int, int, int], name: str, dtype: Any) -> np.ndarray:
    """The scaled voxel values as `dtype`, nothing else changed."""
    stored = image.get_data_dtype()
    if stored.kind not in "biuf":
        raise DataError(f"{name}: voxels are {stored}, expected one real number each.")
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asanyarray(image.dataobj, dtype=dtype).reshape(shape)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{name}: the voxel data are truncated or damaged ({error}). Copy the file again.") from error


def _plain_integers(stored: Any) -> np.dtype | None:
    """The type of an array, or of nibabel's stand-in for one on disk, if it is an integer without scale factors."""
    dtype = np.dtype(stored.dtype).newbyteorder("=")
    scaled = getattr(stored, "slope", 1.0) != 1.0 or getattr(stored, "inter", 0.0) != 0.0
    return dtype if dtype.kind in "iu" and not scaled else None


def _check_finite(data: np.ndarray, name: str) -> None:
    finite = np.isfinite(data)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise DataError(
            f"{name}: {np.count_nonzero(~finite)} of {data.size} voxels are NaN or infinite (or beyond float32), the "
            f"first at voxel {first}. Replace them first (e.g. `numpy.nan_to_num`)."
        )


def read_grid(source: Any) -> Grid:
    """The grid of an image, from its header alone. Raises `DataError` like `read_volume`."""
    image, name, _ = _open(source)
    return _geometry(image, _three_axes(image, name), name)


def read_volume(source: str | Path | nib.spatialimages.SpatialImage, *, labels: bool = False) -> Volume:
    """Read a 3-D image.

    Args:
        source: A NIfTI file (or another format nibabel reads), or a nibabel image.
        labels: Whether it is a label map: int32, and values that are not whole numbers are refused.

    Returns:
        float32 (int32 for labels) voxels, scale factors applied, axes in file order; trailing axes of size 1 dropped.

    Raises:
        DataError: Names the file, and what to do: missing, empty, not a NIfTI, truncated, 4-D, NaN or infinite voxels
            (also by scale factors that overflow), a zero or singular affine, labels that are not whole numbers.
    """
    image, name, path = _open(source)
    shape = _three_axes(image, name)
    grid = _geometry(image, shape, name)
    integers = _plain_integers(image.dataobj)
    data = _values(image, shape, name, (np.float64 if integers is None else integers) if labels else np.float32)
    if integers is None or not labels:
        _check_finite(data, name)
    return Volume(whole_numbers(data, name) if labels else data, grid, path, image.header.copy(), integers)


def read_field(source: Any) -> tuple[np.ndarray, Grid, int]:
    """Read the vectors of a displacement field as they are stored: `(X, Y, Z, ...)` float32, the grid, the intent code.

    Raises:
        DataError: As `read_volume`; also if the last axis does not hold three components.
    """
    image, name, _ = _open(source)
    shape = tuple(image.shape)
    if not isinstance(image.header, nib.Nifti1Header) or len(shape) not in (4, 5) or shape[-1] != 3 or 0 in shape:
        raise DataError(f"{name}: is no displacement field: shape {shape}, expected (X, Y, Z, 1, 3) or (X, Y, Z, 3).")
    grid = _geometry(image, shape[:3], name)
    data = _values(image, shape, name, np.float32)
    _check_finite(data, name)
    return data, grid, int(image.header["intent_code"])


def check_overlap(moving: Volume, fixed: Volume) -> None:
    """Refuse two images whose fields of view do not meet in the world.

    Raises:
        DataError: Says where both are, and names the affine starts.
    """
    if overlap(moving.grid, fixed.grid) == 0.0:
        raise DataError(
            f"{moving.name} and {fixed.name} do not overlap in the world: {moving.grid.describe()}; "
            f"{fixed.grid.describe()}. Start with `--init moments` (or an affine file: `--init FILE`)."
        )


def resample(
    volume: Volume,
    grid: Grid,
    *,
    interpolation: Interpolation = "linear",
    fill: float | Literal["edge"] = 0.0,
    antialias: bool = True,
) -> np.ndarray:
    """A volume on another grid: the value of each voxel of `grid` is read at its place in the world.

    Args:
        volume: What to resample.
        grid: Where.
        interpolation: `linear`, or `nearest` for label maps.
        fill: The value outside the volume: a number, or `edge`.
        antialias: For `linear`: blur first along the axes on which `grid` is coarser, so that fine detail does not turn
            into noise.

    Returns:
        `grid.shape`; float32 for `linear`, the volume's dtype for `nearest`. Rule at the borders: `sampling.sample`.
    """
    matrix = volume.grid.inverse @ grid.affine
    return affine_sample(volume.data, matrix, grid.shape, interpolation=interpolation, fill=fill, antialias=antialias)
