"""Many pieces of work of which one that fails stops no other: each has an outcome, in a table."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfregkit.errors import reason
from tfregkit.files import write_text


@dataclass(frozen=True)
class Outcome:
    """What became of a pair or an image: `status` is `done` or `failed`, `message` the reason, or a remark."""

    name: str
    status: str
    seconds: float
    message: str = ""


def each_on_its_own(
    names: Sequence[str],
    work: Callable[[int], str | None],
    table: Path,
    what: str,
    each: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Do the work for every name, whatever becomes of the others.

    Args:
        names: What is worked on.
        work: Does it, given the place in `names`; returns a remark, if there is one to make.
        table: A CSV of the outcomes; brought up to date after each.
        what: What the names are: the title of their column.
        each: Called with every outcome.

    Returns:
        The outcomes, in the order of the names.
    """
    outcomes: list[Outcome] = []
    for place, name in enumerate(names):
        started = time.perf_counter()
        try:
            status, message = "done", work(place) or ""
        except Exception as error:  # whatever it is, the others go on
            status, message = "failed", reason(error)
        outcomes.append(Outcome(name, status, time.perf_counter() - started, message))
        _write(table, outcomes, what)
        if each is not None:
            each(outcomes[-1])
    return outcomes


def _write(path: Path, outcomes: list[Outcome], what: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([what, "status", "seconds", "message"])
    writer.writerows([o.name, o.status, f"{o.seconds:.2f}", o.message] for o in outcomes)
    write_text(path, text.getvalue())
