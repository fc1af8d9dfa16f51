"""Choosing the lambda of a conditioned run: every lambda is measured on labelled pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from tfregkit import __version__
from tfregkit.data.base import Pair
from tfregkit.errors import ConfigError, DataError
from tfregkit.evaluation.conventions import parameters
from tfregkit.evaluation.evaluate import progress
from tfregkit.evaluation.measure import measured
from tfregkit.evaluation.pair_rows import PairRows
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.evaluation.sweep_table import SweepRow, choose, sweep_row
from tfregkit.evaluation.table import Row
from tfregkit.inference.about import sha256
from tfregkit.inference.chosen_lambda import ChosenLambda

if TYPE_CHECKING:
    from tfregkit.training.run import Run

METRICS = ("dice", "folds", "sdlogj", "ncc")
"""What a sweep measures; how, says the run's `evaluation` section where it names them."""


@dataclass(eq=False)
class Sweep:
    """A run at every lambda: the lines, the best of them if one satisfies the limit, and the pairs that failed."""

    run: Run
    label: str
    rows: list[SweepRow]
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def chosen(self) -> SweepRow | None:
        """The chosen line."""
        return next((row for row in self.rows if row.chosen), None)


def sweep_settings(settings: EvaluationSettings, structures: Path | None = None) -> EvaluationSettings:
    """The evaluation section with the metrics of a sweep alone, each as the section has it or by its defaults.

    Args:
        settings: A run's evaluation section.
        structures: JSON that names and merges the labels for Dice.
    """
    known = {spec.name: spec for spec in (*EvaluationSettings().metrics, *reversed(settings.metrics))}
    chosen = settings.model_copy(update={"metrics": [known[name] for name in METRICS]})
    return chosen if structures is None else chosen.with_structures(structures)


def labelled(pairs: Sequence[Pair], what: str, console: Console) -> list[Pair]:
    """The pairs whose scans both have labels; the others are told.

    Raises:
        DataError: When there are none.
    """
    found = [pair for pair in pairs if pair.moving.labels is not None and pair.fixed.labels is not None]
    if not found:
        raise DataError(
            f"{what}: no pair has labels for both scans, and a sweep looks at Dice. Give a table with the columns "
            "moving_labels and fixed_labels (`--pairs pairs.csv`), or name labels in the data section."
        )
    if left := len(pairs) - len(found):
        console.print(f"{what}: {left} of {len(pairs)} pairs have no labels for both scans and are left out.")
    return found


def sweep_run(
    run: Run,
    label: str,
    pairs: Sequence[Pair],
    lambdas: Sequence[float],
    settings: EvaluationSettings,
    folder: Path,
    max_folds: float = 0.5,
    console: Console | None = None,
) -> Sweep:
    """Measure a run at every lambda and choose one.

    The rows of every finished pair are kept in `<folder>/<label>_pairs.csv`; a sweep that is called again with the same
    weights, metrics and files measures only what is missing.

    Args:
        run: The trained run.
        label: Its name in tables and plots.
        pairs: Labelled pairs.
        lambdas: In [0, 1].
        settings: From `sweep_settings`.
        folder: Where the rows go.
        max_folds: The chosen lambda has a lower mean percentage of folds.
        console: Where progress goes.

    Raises:
        ConfigError: When the run takes no lambda.
        DataError: When no pair could be measured.
    """
    from tfregkit.inference.registration import load_run

    console, registration = console or Console(), load_run(run)
    metrics = {spec.name: spec.build() for spec in settings.metrics}
    depends = {"weights": sha256(run.weights()), "metrics": [parameters(spec) for spec in settings.metrics]}
    kept = PairRows(folder / f"{label}_pairs.csv", {**depends, **settings.registration}, pairs)
    if kept.resumed:
        console.print(f"{label}: {len(kept.resumed)} pairs are measured already: {kept.path}", highlight=False)
    failures: dict[str, str] = {}
    with progress(console) as bars:
        task = bars.add_task(label, total=len(pairs) * len(lambdas))
        for pair in pairs:
            missing = kept.missing(pair, lambdas)
            bars.advance(task, len(lambdas) - len(missing))
            rows: list[Row] = []
            for found in measured(registration, pair, missing, metrics, **settings.registration) if missing else ():
                rows += found.rows
                bars.advance(task)
                if found.failure and pair.id not in failures:
                    failures[pair.id] = found.failure
                    told = f"[red]{pair.id}[/red]: {escape(found.failure)}"
                    console.print(told, highlight=False, soft_wrap=True)
            kept.add(rows)
    used = [pair.id for pair in pairs if not kept.missing(pair, lambdas)]
    if not used:
        raise DataError(f"{label}: no pair could be measured:\n" + "\n".join(dict.fromkeys(failures.values())))
    rows = [sweep_row(label, lam, [r for r in kept.rows if r.lam == lam and r.pair in used]) for lam in lambdas]
    return Sweep(run, label, choose(rows, max_folds), failures)


def store(sweep: Sweep, pairs: str, settings: EvaluationSettings, max_folds: float) -> Path | None:
    """Write the chosen lambda into the run.

    Args:
        sweep: What `sweep_run` gave.
        pairs: Which pairs it was chosen on, in words.
        settings: From `sweep_settings`.
        max_folds: The limit.

    Returns:
        The file, or None where no lambda was chosen: then nothing is written.
    """
    best = sweep.chosen
    if best is None:
        return None
    about: dict[str, Any] = {
        "rule": "highest mean Dice among the lambdas with a mean of folds below the limit",
        "max_folds_percent": max_folds,
        "pairs": pairs,
        "pair_count": best.pairs,
        "failed_pairs": list(sweep.failures),
        "dice": best.dice,
        "folds_percent": best.folds_percent,
        "lambdas": [row.lam for row in sweep.rows],
        "metrics": [spec.plain() for spec in settings.metrics],
        "refine_steps": settings.refine,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tfregkit": __version__,
    }
    return ChosenLambda(best.lam, sha256(sweep.run.weights()), about).store(sweep.run.path)


def check_conditioned(run: Run) -> None:
    """Refuse a run that takes no lambda, before anything slow is done.

    Raises:
        ConfigError: When its network is not conditioned.
    """
    if not run.network().conditioned:
        raise ConfigError(
            f"{run.path}: its network is not conditioned on lambda, so there is nothing to sweep. Train one with "
            "`conditioning: film` and `objective.lambda: uniform`."
        )
