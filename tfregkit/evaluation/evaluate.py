"""Measuring a trained run on pairs of images in their own space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tfregkit.data.base import Pair
from tfregkit.errors import ConfigError, DataError, reason
from tfregkit.evaluation.base import Metric
from tfregkit.evaluation.conventions import named, parameters, write_conventions
from tfregkit.evaluation.measure import Measured, measured
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.evaluation.table import Row, Summary, printed, summarise, write_table
from tfregkit.files import atomic_path
from tfregkit.inference.chosen_lambda import NAME
from tfregkit.lambdas import spelled, with_lambda
from tfregkit.report.wide import print_wide

if TYPE_CHECKING:
    from tfregkit.training.run import Run


@dataclass(eq=False)
class Evaluation:
    """What came out: the rows, their summary, why a pair could not be used (by pair and lambda), and the pictures."""

    folder: Path
    rows: list[Row] = field(default_factory=list)
    summary: list[Summary] = field(default_factory=list)
    failures: dict[tuple[str, float | None], str] = field(default_factory=dict)
    pictures: list[Path] = field(default_factory=list)


def evaluate_run(
    run: Run,
    settings: EvaluationSettings | None = None,
    pairs: Sequence[Pair] | None = None,
    out: str | Path | None = None,
    *,
    console: Console | None = None,
) -> Evaluation:
    """Register pairs with a run and write `metrics.csv`, `metrics.json`, `summary.csv` and pictures.

    A run whose network segments is measured on single scans, the fixed ones, by the metrics that compare labels.

    Args:
        run: The trained run.
        settings: What to measure; the defaults of the section if left out.
        pairs: The pairs; by default those of the run's own data set that `settings.pairs` names.
        out: The folder to write to; `evaluation/` in the run by default. Files of an earlier evaluation are replaced.
        console: Where progress and the table go; the terminal by default (`Console(quiet=True)`: nowhere).

    Returns:
        The evaluation. A pair that cannot be registered or measured is in `failures`, and the others go on.

    Raises:
        ConfigError: When lambdas are given for a network that takes none, or there is none for one that takes them.
        DataError: When there is no pair, or none of them could be used.
    """
    from tfregkit.evaluation.segmented import segmented, without_registration
    from tfregkit.inference.registration import load_run
    from tfregkit.inference.segmenter import Segmenter

    settings, console = settings or EvaluationSettings(), console or Console()
    pairs = list(run_pairs(run, settings) if pairs is None else pairs)
    if not pairs:
        raise DataError("there are no pairs to evaluate.")
    registration, look = load_run(run), measured
    if isinstance(registration, Segmenter):
        look, (settings, pairs), lambdas = segmented, without_registration(settings, pairs), [None]
    elif any(pair.single for pair in pairs):
        raise DataError("a run that registers is evaluated on pairs: a table with the columns `moving` and `fixed`.")
    else:
        lambdas = evaluated_lambdas(registration, settings, run, console)
    metrics = build_metrics(settings)
    conventions = {name: parameters(spec) for name, spec in named(settings.metrics).items()}
    result = Evaluation(Path(out) if out else run.path / "evaluation")
    with progress(console) as bars:
        task = bars.add_task("Evaluating", total=len(pairs) * len(lambdas))
        for number, pair in enumerate(pairs):
            for found in look(registration, pair, lambdas, metrics, settings.directions, **settings.registration):
                _take(found, pair, result, settings if number < settings.pictures else None, console)
                bars.advance(task)
    result.rows.sort(key=lambda row: lambdas.index(row.lam))  # stable: the pairs stay in their order
    if not result.rows:
        raise DataError("no pair could be evaluated:\n" + "\n".join(dict.fromkeys(result.failures.values())))
    write_conventions(result.folder / "metrics.csv", conventions, registration=settings.registration)
    return _finished(result, metrics, console)


def run_pairs(run: Run, settings: EvaluationSettings) -> Sequence[Pair]:
    """The pairs of the last stage's data set that the settings name.

    Raises:
        DataError: When it has none.
    """
    experiment = run.experiment
    split = experiment.stages[-1].data.dataset.build().split(experiment.seed)
    pairs = split.test if settings.pairs == "test" else split.validation
    if not len(pairs):
        raise DataError(
            f"{run.path}: its data set has no {settings.pairs} pairs. Give a table of pairs (`--pairs pairs.csv`), or "
            "name test subjects in the data section."
        )
    return pairs


def build_metrics(settings: EvaluationSettings) -> dict[str, Metric]:
    """The metrics by the name of their rows. A second one of the same name is `name_2`, and so on."""
    return {name: spec.build() for name, spec in named(settings.metrics).items()}


def evaluated_lambdas(
    registration: Any, settings: EvaluationSettings, run: Run, console: Console
) -> list[float | None]:
    """The lambdas of the settings, or the one that was chosen for the run; `[None]` for a network that takes none.

    Raises:
        ConfigError: When the network takes none and some are given, or takes one and there is none.
    """
    if settings.lambdas is not None and not registration.network.conditioned:
        raise ConfigError("`lambdas` needs a network that is conditioned on lambda; this run's is not.")
    lambdas, origin = registration.lambdas(settings.lambdas)
    if origin == "sweep":
        console.print(f"lambda {spelled(lambdas[0])}, chosen by `tfregkit sweep`: {run.path / NAME}", highlight=False)
    return lambdas


def progress(console: Console) -> Progress:
    """A bar that vanishes when it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _take(
    found: Measured, pair: Pair, result: Evaluation, pictured: EvaluationSettings | None, console: Console
) -> None:
    """Add a pair at one lambda to the evaluation, with its picture or as a failure."""
    failure = found.failure
    if not failure and pictured is not None:
        try:
            result.pictures.append(_picture(found, result.folder, pictured))
        except Exception as error:  # the other pairs go on
            failure = reason(error)
    if failure:
        told = failure in result.failures.values()
        result.failures[pair.id, found.lam] = failure
        if not told:
            console.print(f"[red]{pair.id}[/red]: {escape(failure)}", highlight=False, soft_wrap=True)
    else:
        result.rows += found.rows


def _picture(found: Measured, folder: Path, settings: EvaluationSettings) -> Path:
    from tfregkit.report.figure import registration_figure
    from tfregkit.report.segmentation_figure import segmentation_figure

    case, rows = found.case, found.rows
    path = with_lambda(folder / f"{case.pair}.png", found.lam)
    if case.direction == "segmentation":  # of a network that segments: registrations are drawn in their own direction
        means = [f"{r.metric} {r.after:.3g}" for r in rows if r.metric == "dice" and not r.structure]
        return segmentation_figure(case, path, planes=settings.planes, caption="   ".join(means), names=found.names)
    told = [r for r in rows if r.metric in ("dice", "tre") and not r.structure and r.direction == "registration"]
    shown = [f"{r.metric} {r.before:.3g} → {r.after:.3g}" for r in told]
    return registration_figure(case, path, planes=settings.planes, caption="   ".join(shown))


def _finished(result: Evaluation, metrics: dict[str, Metric], console: Console) -> Evaluation:
    result.summary = summarise(result.rows, metrics)
    write_table(result.folder / "metrics.csv", result.rows, Row)
    write_table(result.folder / "summary.csv", result.summary, Summary)
    failures = result.folder / "failures.csv"
    failures.unlink(missing_ok=True)
    if result.failures:
        with atomic_path(failures) as aside:
            table = [(*key, reason) for key, reason in result.failures.items()]
            pd.DataFrame(table, columns=["pair", "lambda", "reason"]).to_csv(aside, index=False)
    print_wide(console, printed(result.summary))
    console.print(f"Tables and pictures: {result.folder}", highlight=False, soft_wrap=True)
    if result.failures:
        count = len({pair for pair, _ in result.failures})
        console.print(f"{count} pair(s) could not be used: {failures}", style="red", soft_wrap=True)
    return result
