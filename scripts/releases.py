"""What the scripts share that lay public releases out for the shipped configurations: reading, cropping, tables."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import io_orientation
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from tfregkit.data.grid import Grid, same_grid
from tfregkit.data.tables import absolute
from tfregkit.data.volume import Volume, read_grid, read_volume, write_volume
from tfregkit.errors import DataError
from tfregkit.files import write_text


@dataclass(frozen=True)
class Scan:
    """An image with its label map, and the part of the split it belongs to."""

    id: str
    image: Path
    labels: Path
    split: str
    subject: str = ""
    modality: str = ""


def check_complete(release: Path, wanted: Sequence[str], found: Iterable[str], what: str) -> None:
    """Refuse a release that lacks someone: the paper's splits go by name."""
    if missing := [name for name in wanted if name not in set(found)]:
        names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise DataError(f"{release}: lacks {len(missing)} of {len(wanted)} {what}: {names}.")


def read(path: Path, *, labels: bool = False) -> Volume:
    """An image, also one whose `.img.gz` lies beside a plain `.hdr`, which nibabel does not open by itself."""
    header = path.with_name(path.name.removesuffix(".img.gz") + ".hdr")
    if not path.name.endswith(".img.gz") or not header.is_file():
        return read_volume(path, labels=labels)
    nifti = nib.Nifti1Pair.header_class.may_contain_header(header.read_bytes())
    kind = nib.Nifti1Pair if nifti else nib.AnalyzeImage
    files = kind.make_file_map({"header": str(header), "image": str(path)})
    try:
        image = kind.from_file_map(files)
    except (WrapStructError, HeaderDataError) as error:
        raise DataError(f"{header}: is no Analyze or NIfTI header ({error}).") from error
    return read_volume(image, labels=labels)


def check_pair(image: Path, labels: Path) -> None:
    """Refuse a label map on another grid than its image. Only the headers are read."""
    _check_grids(image, labels, read_grid(image), read_grid(labels))


def read_pair(image: Path, labels: Path) -> tuple[Volume, Volume]:
    """An image and its label map, which must lie on the image's grid and have something in it."""
    pair = read(image), read(labels, labels=True)
    _check_grids(image, labels, pair[0].grid, pair[1].grid)
    if not pair[1].data.any():
        raise DataError(f"{labels}: has no label in it.")
    return pair


def write_crops(pair: tuple[Volume, Volume], middle: np.ndarray, shape: Sequence[int], outputs: Sequence[Path]) -> None:
    """Image and labels cropped or padded to `shape` about the voxel `middle`, whole voxels, nothing resampled.

    The middle of the crop is the world's origin, and so is `middle` but for half a voxel at most. The file's order of
    axes stays. Axes run along those of R, A, S that are nearest, so that all crops share one grid.
    """
    grid = _about_origin(shape, pair[0].grid)
    for volume, fill, path in zip(pair, (pair[0].data.min(), 0), outputs, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, _cropped(volume.data, middle, shape, fill), grid, like=volume)


def _check_grids(image: Path, labels: Path, own: Grid, other: Grid) -> None:
    if not same_grid(own, other):
        raise DataError(
            f"{labels}: lies on another grid than {image.name}: {other.describe()}; the image: {own.describe()}."
        )


def _about_origin(shape: Sequence[int], like: Grid) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign) in enumerate(io_orientation(like.affine)):
        affine[int(world), axis] = sign * like.spacing[axis]
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Grid(tuple(shape), affine)


def _cropped(data: np.ndarray, middle: np.ndarray, shape: Sequence[int], fill: float) -> np.ndarray:
    start = np.ceil(np.asarray(middle) - (np.array(shape) - 1) / 2).astype(int)
    low, high = np.maximum(start, 0), np.minimum(start + shape, data.shape)
    result = np.full(shape, fill, data.dtype)
    result[tuple(map(slice, low - start, high - start))] = data[tuple(map(slice, low, high))]
    return result


def write_scans(table: Path, scans: Sequence[Scan]) -> None:
    """A table of scans."""
    columns = ("id", "subject", "modality", "image", "labels", "split")
    rows = [
        (scan.id, scan.subject or scan.id, scan.modality, *_places(table, scan.image, scan.labels), scan.split)
        for scan in scans
    ]
    _write(table, columns, rows)


def write_pairs(table: Path, scans: Sequence[Scan], reference: Scan) -> None:
    """A table of pairs: each scan is to be registered to the reference."""
    files = ("moving", "moving_labels", "fixed", "fixed_labels")
    rows = [
        (*_places(table, scan.image, scan.labels, reference.image, reference.labels), scan.id, reference.id, scan.split)
        for scan in scans
    ]
    _write(table, (*files, "moving_id", "fixed_id", "split"), rows)


def _places(table: Path, *files: Path) -> list[str]:
    """Paths as the table names them: relative within its folder, else absolute."""
    folder = absolute(table.parent)
    paths = [absolute(file) for file in files]
    return [path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path) for path in paths]


def _write(table: Path, columns: Sequence[str], rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(table, text.getvalue())
    parts = [row[-1] for row in rows]
    counts = [f"{parts.count(part)} {part or 'scans'}" for part in dict.fromkeys(parts)]
    print(f"{table}: {', '.join(counts)}")


def command(
    words: list[str] | None, about: str, prepare: Callable[[argparse.Namespace], None], **options: dict[str, Any]
) -> int:
    """The command line of a script: RELEASE, OUT and its own options; 2 after an error."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path, help="folder of the release, as downloaded and unpacked")
    parser.add_argument("out", type=Path, help="folder to write")
    for name, option in options.items():
        parser.add_argument(f"--{name}", **option)
    arguments = parser.parse_args(words)
    try:
        if not arguments.release.is_dir():
            raise DataError(f"{arguments.release}: there is no such folder.")
        if arguments.out.exists() and not arguments.out.is_dir():
            raise DataError(f"{arguments.out}: is a file, not a folder to write to.")
        prepare(arguments)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
