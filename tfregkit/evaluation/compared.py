"""The runs that are compared: where their rows are, and what they are called."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.base import Direction
from tfregkit.evaluation.conventions import Conventions, read_conventions
from tfregkit.evaluation.labels import path_labels
from tfregkit.evaluation.table import Row, read_rows
from tfregkit.lambdas import spelled

NAME = "metrics.csv"


@dataclass(frozen=True, eq=False)
class Compared:
    """One run's rows, of one lambda and one direction, and its label in tables and plots.

    `conventions` holds the parameters of its metrics, as far as they are known.
    """

    label: str
    path: Path
    rows: list[Row]
    conventions: Conventions = field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """The metrics of the rows, in their order."""
        return list(dict.fromkeys(row.metric for row in self.rows))

    def before(self, label: str) -> Compared:
        """The same pairs as they were before registration, as if that were a run."""
        rows = [Row(r.pair, r.lam, r.metric, r.structure, r.before, r.before, r.direction) for r in self.rows]
        return Compared(label, self.path, rows)


def read_compared(
    words: Sequence[str], *, direction: Direction = "registration", lam: float | None = None
) -> list[Compared]:
    """Read the rows of each run.

    Args:
        words: `PATH` or `LABEL=PATH` each: a run that was evaluated, a folder with a `metrics.csv`, or such a file.
            Without a label, the run's or the folder's name.
        direction: Which rows.
        lam: Which rows of a file with several lambdas.

    Raises:
        DataError: When there is no evaluation, it cannot be read, or it has no such rows.
        ConfigError: When a file or a label is given twice, or a file has several lambdas and none is chosen.
    """
    given = [parted(word) for word in words]
    files = [metrics_file(path) for _, path in given]
    unnamed = iter(path_labels([_place(file) for file, (label, _) in zip(files, given, strict=True) if not label]))
    labels = [label or next(unnamed) for label, _ in given]
    for what, times in Counter(file.resolve() for file in files).items():
        if times > 1:
            raise ConfigError(f"{what}: is given {times} times.")
    for what, times in Counter(labels).items():
        if times > 1:
            raise ConfigError(f"{times} runs have the label `{what}`. Name them: `a=PATH b=PATH`.")
    return [
        Compared(label, file, _chosen(_rows(file), file, direction, lam), read_conventions(file))
        for label, file in zip(labels, files, strict=True)
    ]


def metrics_file(path: Path) -> Path:
    """The `metrics.csv` that a path means.

    Raises:
        DataError: When there is none.
    """
    if path.is_file():
        return path.absolute()
    for file in (path / "evaluation" / NAME, path / NAME):
        if file.is_file():
            return file.absolute()
    if not path.exists():
        raise DataError(f"{path}: there is no such run, folder or file.")
    raise DataError(
        f"{path}: has neither evaluation/{NAME} nor {NAME}. Measure the run first: `tfregkit evaluate {path}`."
    )


def parted(word: str) -> tuple[str, Path]:
    """A label, empty where there is none, and a path; a path that exists as it stands has no label in it."""
    label, equals, rest = word.partition("=")
    if not equals or Path(word).exists():
        return "", Path(word)
    if not label.strip() or not rest:
        raise ConfigError(f"`{word}`: expected `LABEL=PATH` or `PATH`.")
    return label.strip(), Path(rest)


def _place(file: Path) -> Path:
    """What gives an evaluation its name: the run, else the folder, else the file."""
    if file.name != NAME:
        return file.with_suffix("")
    return file.parent.parent if file.parent.name == "evaluation" else file.parent


def _rows(file: Path) -> list[Row]:
    try:
        rows = read_rows(file)
    except (KeyError, TypeError, ValueError, csv.Error):
        raise DataError(
            f"{file}: is no {NAME} of `tfregkit evaluate`: expected the columns pair, lambda, metric, structure, "
            "before, after, and numbers in the last two."
        ) from None
    if not rows:
        raise DataError(f"{file}: has no rows.")
    return rows


def _chosen(rows: list[Row], file: Path, direction: Direction, lam: float | None) -> list[Row]:
    """The rows of one direction and one lambda, each of which is one of a kind."""
    others = list(dict.fromkeys(row.direction for row in rows if row.direction != direction))
    rows = [row for row in rows if row.direction == direction]
    if not rows:
        raise DataError(
            f"{file}: has no rows of direction {direction}. Evaluate with `--directions {direction}`, or compare what "
            f"there is with `--direction {others[0]}`."
        )
    rows = list(_at_lambda(rows, file, lam))
    for (pair, metric, structure), times in Counter((r.pair, r.metric, r.structure) for r in rows).items():
        if times > 1:
            raise DataError(f"{file}: has {times} rows of pair {pair}, metric {metric}, structure {structure or '-'}.")
    return rows


def _at_lambda(rows: list[Row], file: Path, lam: float | None) -> Iterator[Row]:
    known = sorted({row.lam for row in rows if row.lam is not None})
    if lam is None and len(known) > 1:
        raise ConfigError(
            f"{file}: has several lambdas ({_listed(known)}). Choose one: `--lambda {spelled(known[0])}`."
        )
    near = [value for value in known if lam is not None and math.isclose(value, lam, abs_tol=1e-6)]
    if known and lam is not None and not near:
        raise DataError(f"{file}: has no rows of lambda {spelled(lam)}; it has {_listed(known)}.")
    wanted = near or known
    return (row for row in rows if row.lam is None or row.lam in wanted)


def _listed(lambdas: list[float]) -> str:
    return ", ".join(spelled(value) for value in lambdas)
