"""Lists of scans and of pairs as CSV (or TSV) files. Messages name the file and the line."""

from __future__ import annotations

import csv
import difflib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tfregkit.data.base import Pair, Subject
from tfregkit.errors import DataError

FILES = ("image", "labels", "mask", "points")
SCAN_COLUMNS = ("id", "subject", "modality", *FILES, "split")
PAIR_COLUMNS = (
    "split",
    *(f"{role}{what}" for role in ("moving", "fixed") for what in ("", "_labels", "_mask", "_points", "_id")),
    *(f"{role}_{what}" for role in ("moving", "fixed") for what in ("subject", "modality")),
)
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Row:
    """One line of a table: where it is, and its non-empty cells by column."""

    where: str
    cells: dict[str, str]


def is_pair_table(path: Path) -> bool:
    """Whether the header names pairs (`moving`, `fixed`) rather than scans (`image`)."""
    return "moving" in (_lines(path) or [(1, [])])[0][1]


def read_scans(path: Path, *, check_files: bool = True) -> list[tuple[Subject, str]]:
    """The scans of a table with the column `image`, each with its split (`""` where none is given).

    Other columns: `subject`, `id`, `modality`, `labels`, `mask`, `points`, `split`. Paths are relative to the table's
    folder.

    Raises:
        DataError: Naming the line: a missing file, an unknown split, an id that is used twice.
    """
    rows = _rows(Path(path), SCAN_COLUMNS, ("image",))
    names = unique_names(Path(path).parent / row.cells["image"] for row in rows)
    scans, problems, lines = [], [], {}
    for row in rows:
        files = {key: _file(path, row, key, problems, check_files) for key in FILES}
        name = row.cells.get("id") or names[files["image"]]
        scan = Subject(id=name, subject=row.cells.get("subject", ""), modality=row.cells.get("modality", ""), **files)
        if lines.setdefault(name, row.where) != row.where:
            problems.append(f"{row.where}: the id `{name}` is that of {lines[name]} too.")
        scans.append((scan, _split(row, problems)))
    _report(problems)
    return scans


def read_pairs(path: str | Path, *, check_files: bool = True) -> list[Pair]:
    """The pairs of a table with the columns `moving` and `fixed`; see `read_split_pairs`."""
    return [pair for pair, _ in read_split_pairs(Path(path), check_files=check_files)]


def read_cases(path: str | Path) -> list[Pair]:
    """The pairs of a table of pairs, or the scans of a table of scans, each alone. Files are checked when read."""
    table = Path(path)
    if is_pair_table(table):
        return read_pairs(table, check_files=False)
    return [Pair(scan, scan) for scan, _ in read_scans(table, check_files=False)]


def read_split_pairs(path: Path, *, check_files: bool = True) -> list[tuple[Pair, str]]:
    """The pairs of a table, each with its split (`""` where none is given).

    Other columns: `moving_labels`, `moving_mask`, `moving_points`, `moving_subject`, `moving_id`, `moving_modality`,
    the same for `fixed`, and `split`. Paths are relative to the table's folder.

    Args:
        path: The table.
        check_files: Whether missing files are errors here, all at once, or later when they are read.

    Raises:
        DataError: Naming the line.
    """
    rows = _rows(path, PAIR_COLUMNS, ("moving", "fixed"))
    names = unique_names(path.parent / row.cells[role] for row in rows for role in ("moving", "fixed"))
    pairs, problems = [], []
    for row in rows:
        pair = Pair(*(_side(path, row, role, names, problems, check_files) for role in ("moving", "fixed")))
        pairs.append((pair, _split(row, problems)))
    _report(problems)
    return pairs


def unique_names(paths: Iterable[Path]) -> dict[Path, str]:
    """A short name for each file: its stem, with as many folder names in front as it takes to tell them apart."""
    files = list(dict.fromkeys(absolute(path) for path in paths))
    names = {file: file_stem(file) for file in files}
    depth = 1
    while len(set(names.values())) < len(files):
        counts = Counter(names.values())
        names = {
            f: "_".join([*f.parts[-1 - depth : -1], file_stem(f)]) if counts[n] > 1 else n for f, n in names.items()
        }
        depth += 1
        if depth > 64:  # deeper than folders go: names that fold together, like `a_b` and `a/b`
            return {file: f"{name}-{i}" for i, (file, name) in enumerate(names.items())}
    return names


def file_stem(path: Path) -> str:
    """The file's name without `.nii`, `.nii.gz` or any other ending."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]


def absolute(path: Path) -> Path:
    """Absolute, `..` resolved, links kept."""
    return Path(os.path.abspath(path.expanduser()))


def _side(path: Path, row: Row, role: str, names: dict, problems: list[str], check: bool) -> Subject:
    image = _file(path, row, role, problems, check)
    files = {key: _file(path, row, f"{role}_{key}", problems, check) for key in FILES[1:]}
    texts = {key: row.cells.get(f"{role}_{key}", "") for key in ("subject", "modality")}
    return Subject(id=row.cells.get(f"{role}_id") or names[image], image=image, **texts, **files)


def _file(path: Path, row: Row, column: str, problems: list[str], check: bool) -> Path | None:
    if column not in row.cells:
        return None
    file = absolute(Path(path).parent / row.cells[column])
    if check and not file.is_file():
        problems.append(f"{row.where}: `{column}`: there is no file {file}.")
    return file


def _split(row: Row, problems: list[str]) -> str:
    split = row.cells.get("split", "")
    if split and split not in SPLITS:
        problems.append(f"{row.where}: `split` must be one of {', '.join(SPLITS)}. Received: {split}")
    return split


def _report(problems: list[str]) -> None:
    if problems:
        more = [f"... and {len(problems) - 10} more problems."] if len(problems) > 10 else []
        raise DataError("\n".join([*problems[:10], *more]))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """All lines with their numbers, blank ones left out."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
            lines = [(reader.line_num, [value.strip() for value in values]) for values in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not a CSV file in UTF-8 ({error}).") from error
    return [(number, values) for number, values in lines if any(values)]


def _rows(path: Path, known: tuple[str, ...], needed: tuple[str, ...]) -> list[Row]:
    (_, header), *lines = _lines(path) or [(1, [])]
    for name in needed:
        if name not in header:
            raise DataError(f"{path}:1: the header has no column `{name}`. Received: {', '.join(header) or 'nothing'}")
    for name in header:  # further columns (age, sex) are welcome, misspelled ones are not
        near = [] if name in known else difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if near:
            raise DataError(f"{path}:1: unknown column `{name}`. Did you mean `{near[0]}`?")
    rows, problems = [], []
    for number, values in lines:
        where = f"{path}:{number}"
        if len(values) != len(header):
            problems.append(f"{where}: {len(values)} cells, but the header has {len(header)} columns.")
            continue
        row = Row(where, {name: value for name, value in zip(header, values, strict=True) if value})
        problems += [f"{where}: `{name}` is empty." for name in needed if name not in row.cells]
        rows.append(row)
    _report(problems)
    if not rows:
        raise DataError(f"{path}: the table has no rows.")
    return rows
