"""Cross-validation: training and evaluating the run of each fold, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from tfregkit.config.trials import Trial
from tfregkit.data.base import Pair, Split, Subject
from tfregkit.data.pairs import sides
from tfregkit.data.volume import read_volume
from tfregkit.errors import DataError
from tfregkit.evaluation.compared import Compared
from tfregkit.evaluation.folds_table import FoldLine, fold_lines, pooled, write_folds
from tfregkit.evaluation.matching import match
from tfregkit.evaluation.table import SECONDS
from tfregkit.files import atomic_path
from tfregkit.report.boxes import box_figure
from tfregkit.training.run import Run
from tfregkit.training.trials import check_trials, done, train_each

SUBJECTS, TABLE = "subjects.csv", "folds.csv"


def train_folds(
    trials: Sequence[Trial], folder: str | Path, *, resume: bool = False, console: Console | None = None
) -> tuple[list[FoldLine], dict[str, str]]:
    """Train and evaluate the run of each fold in `<folder>/fold-<number>`, and put together what they reach.

    Writes `subjects.csv`, the fold in which each subject is tested, and after each run `folds.csv`, the means by fold,
    `evaluation/` with the measurements of all folds together, and a box plot of each metric. A run whose training
    fails is told, and the others go on.

    Args:
        trials: What `load_folds` gave.
        folder: The directory of the cross-validation.
        resume: Leave runs that are done as they are, go on with the one that was interrupted, train the others.
        console: Where progress goes.

    Returns:
        The lines of the table, and why runs failed, by name.

    Raises:
        ConfigError: What `check_plan` finds, before anything is trained.
        DataError: When subjects are too few for the folds, or a structure is in no scan that a fold trains on or tests.
        RunError: When the folder exists (without `resume`), or a run in it was made with another configuration.
        Interrupted: As `train`; the table holds what was done.
    """
    folder, console = Path(folder).absolute(), console or Console(quiet=True)
    check_trials(trials, folder, resume, "cross-validation")
    if not any(Run.exists(folder / trial.name) for trial in trials):
        _write_subjects(folder / SUBJECTS, _checked(trials))
    failures = train_each(trials, folder, lambda _: _write(trials, folder), console)
    return _write(trials, folder), failures


def _checked(trials: Sequence[Trial]) -> list[Split]:
    """The split of the last stage in each fold; the other stages' are looked at too."""
    present: dict[Subject, set[int]] = {}
    structures = [stage.model.build().structures or {} for stage in trials[0].experiment.stages]
    splits = []
    for trial in trials:
        for stage, known in zip(trial.experiment.stages, structures, strict=True):
            split = stage.data.dataset.build().split(trial.experiment.seed)
            for part, pairs in (("trains on", split.train), ("tests", split.test)) if known else ():
                _check_structures(trial, part, pairs, known, present)
        splits.append(split)
    return splits


def _check_structures(
    trial: Trial,
    part: str,
    pairs: Sequence[Pair],
    structures: dict[str, tuple[int, ...]],
    present: dict[Subject, set[int]],
) -> None:
    """Raise a DataError where a structure is in no scan. `present` keeps the labels of scans that have been read."""
    scans = [scan for scan in sides(pairs)[1] if scan.labels]
    for scan in scans:
        if scan not in present:
            present[scan] = set(np.unique(read_volume(scan.labels, labels=True).data).tolist())
    for name, values in structures.items():
        if not any(present[scan] & set(values) for scan in scans):
            raise DataError(
                f"{trial.name}: no scan that it {part} has a label of `{name}` ({', '.join(map(str, values))}). Take "
                f"fewer folds, or another seed (`--set seed={trial.experiment.seed + 1}`); if only one subject has it, "
                "no split will do: leave the structure out."
            )


def _write_subjects(path: Path, splits: Sequence[Split]) -> None:
    """Who is tested in which fold; an atlas, who is in all, is in none."""
    persons = [list(dict.fromkeys(scan.subject for side in sides(split.test) for scan in side)) for split in splits]
    everywhere = set.intersection(*map(set, persons))
    lines = [(person, n) for n, own in enumerate(persons, start=1) for person in own if person not in everywhere]
    with atomic_path(path) as aside:
        pd.DataFrame(lines, columns=["subject", "fold"]).to_csv(aside, index=False)


def _write(trials: Sequence[Trial], folder: Path) -> list[FoldLine]:
    """The tables of the runs that are done, and the plots where there is one lambda and one direction."""
    runs = {trial.values["fold"]: folder / trial.name for trial in trials if done(folder / trial.name, trial)}
    if not runs:
        return []
    lines = fold_lines(runs)
    write_folds(folder / TABLE, lines, len(trials))
    rows, units = pooled(runs, trials[0].experiment.evaluation, folder / "evaluation")
    if len({(row.lam, row.direction) for row in rows}) == 1:
        run = Compared(folder.name, folder, rows)
        for metric in run.metrics:
            if metric != SECONDS:
                box_figure(match([run], metric), folder / f"{metric}.png", unit=units.get(metric, ""))
    return lines
