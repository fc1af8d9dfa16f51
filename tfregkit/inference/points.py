"""Tables of landmarks: CSV with columns x, y, z in mm."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

import numpy as np

from tfregkit.errors import DataError
from tfregkit.files import write_text

PointSpace = Literal["ras", "lps"]
TO_RAS = {"ras": np.array([1.0, 1.0, 1.0]), "lps": np.array([-1.0, -1.0, 1.0])}


def read_points(path: str | Path, space: PointSpace = "ras") -> tuple[np.ndarray, list[dict[str, str]]]:
    """Read a table of points.

    Args:
        path: A CSV file whose header has `x`, `y` and `z` (any case); other columns are kept.
        space: What the numbers are: RAS mm (NIfTI, Slicer's default view) or LPS mm (ITK, ANTs).

    Returns:
        `(n, 3)` float64 RAS mm, and the rows as read.

    Raises:
        DataError: Names the file and the line.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = {name.strip().lower(): name for name in reader.fieldnames or [] if name}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: the points cannot be read ({error}).") from error
    missing = [axis for axis in "xyz" if axis not in columns]
    if missing:
        raise DataError(f"{path}:1: points need the columns x, y, z (in mm); missing: {', '.join(missing)}.")
    points = np.empty((len(rows), 3))
    for number, row in enumerate(rows):
        try:
            points[number] = [float(row[columns[axis]]) for axis in "xyz"]
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}:{number + 2}: x, y, z must be numbers ({error}).") from error
    if not np.isfinite(points).all():
        bad = int(np.argwhere(~np.isfinite(points))[0, 0])
        raise DataError(f"{path}:{bad + 2}: x, y, z must be finite.")
    return points * TO_RAS[space], rows


def write_points(
    path: str | Path, points_mm: np.ndarray, rows: list[dict[str, str]] | None = None, space: PointSpace = "ras"
) -> None:
    """Write points `(n, 3)` RAS mm as x, y, z of `space`, with the other columns of `rows` kept in place."""
    rows = rows or [{} for _ in points_mm]
    columns = list(rows[0]) if rows and rows[0] else ["x", "y", "z"]
    names = {column.strip().lower(): column for column in columns}
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for point, row in zip(points_mm * TO_RAS[space], rows, strict=True):
        writer.writerow({**row, **{names[axis]: f"{value:.6f}" for axis, value in zip("xyz", point, strict=True)}})
    write_text(path, text.getvalue())
