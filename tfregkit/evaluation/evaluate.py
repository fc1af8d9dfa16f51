"""Measuring a trained run on pairs of images in their own space."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from tfregkit.data.base import Pair
from tfregkit.errors import ConfigError, DataError, TfregkitError
from tfregkit.evaluation.base import Case, Metric
from tfregkit.evaluation.cases import make_case
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.evaluation.table import SECONDS, Row, Summary, printed, summarise, write_table
from tfregkit.files import atomic_path

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
    """Register pairs with a run and write `metrics.csv`, `summary.csv` and pictures.

    Args:
        run: The trained run.
        settings: What to measure; the defaults of the section if left out.
        pairs: The pairs; by default those of the run's own data set that `settings.pairs` names.
        out: The folder to write to; `evaluation/` in the run by default. Files of an earlier evaluation are replaced.
        console: Where progress and the table go; the terminal by default (`Console(quiet=True)`: nowhere).

    Returns:
        The evaluation. A pair that cannot be registered or measured is in `failures`, and the others go on.

    Raises:
        ConfigError: When lambdas are given for a network that takes none.
        DataError: When there is no pair, or none of them could be used.
    """
    from tfregkit.inference.registration import load_run

    settings, console = settings or EvaluationSettings(), console or Console()
    pairs = list(run_pairs(run, settings) if pairs is None else pairs)
    if not pairs:
        raise DataError("there are no pairs to evaluate.")
    registration = load_run(run)
    lambdas = _lambdas(settings, registration)
    metrics = build_metrics(settings)
    result = Evaluation(Path(out) if out else run.path / "evaluation")
    work = [(pair, lam) for lam in lambdas for pair in pairs]
    for pair, lam in track(work, description="Evaluating", console=console, transient=True):
        try:
            case, rows = _registered(registration, pair, lam, metrics, settings.refine)
            wanted = len(result.pictures) < settings.pictures
            pictures = [_picture(case, rows, result.folder, settings, lam)] if wanted else []
        except Exception as error:  # whatever it is, the other pairs go on
            message = str(error) if isinstance(error, TfregkitError) else f"{type(error).__name__}: {error}"
            result.failures[pair.id, lam] = message
            console.print(f"[red]{pair.id}[/red]: {escape(message)}", highlight=False)
            continue
        result.rows += rows
        result.pictures += pictures
    if not result.rows:
        raise DataError("no pair could be evaluated:\n" + "\n".join(result.failures.values()))
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
    metrics: dict[str, Metric] = {}
    for spec in settings.metrics:
        number, name = 1, spec.name
        while name in metrics:
            number += 1
            name = f"{spec.name}_{number}"
        metrics[name] = spec.build()
    return metrics


def _registered(
    registration: Any, pair: Pair, lam: float | None, metrics: dict[str, Metric], refine: int
) -> tuple[Case, list[Row]]:
    started = time.perf_counter()
    options = {"moving_mask": pair.moving.mask, "fixed_mask": pair.fixed.mask, "refine": refine}
    registered = registration.register(pair.moving.image, pair.fixed.image, lam=lam, **options)
    seconds = time.perf_counter() - started
    case = make_case(pair, registered.transform, registered.initial)
    return case, [*measure(case, metrics, lam), Row(pair.id, lam, SECONDS, "", float("nan"), seconds)]


def measure(case: Case, metrics: dict[str, Metric], lam: float | None = None) -> list[Row]:
    """All metrics of one pair, before and after registration."""
    rows, before = [], case.before()
    for name, metric in metrics.items():
        after, earlier = metric(case), metric(before)
        for structure, value in after.items():
            rows.append(Row(case.pair, lam, name, structure, earlier.get(structure, float("nan")), value))
    return rows


def _lambdas(settings: EvaluationSettings, registration: Any) -> list[float | None]:
    if settings.lambdas is None:
        return [None]
    if not registration.network.conditioned:
        raise ConfigError("`lambdas` needs a network that is conditioned on lambda; this run's is not.")
    return list(settings.lambdas)


def _picture(case: Case, rows: list[Row], folder: Path, settings: EvaluationSettings, lam: float | None) -> Path:
    from tfregkit.report.figure import registration_figure

    shown = [
        f"{r.metric} {r.before:.3g} → {r.after:.3g}" for r in rows if r.metric in ("dice", "tre") and not r.structure
    ]
    name = case.pair if lam is None else f"{case.pair}_lambda{lam:g}"
    return registration_figure(case, folder / f"{name}.png", planes=settings.planes, caption="   ".join(shown))


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
    console.print(printed(result.summary))
    console.print(f"Tables and pictures: {result.folder}", highlight=False, soft_wrap=True)
    if result.failures:
        count = len({pair for pair, _ in result.failures})
        console.print(f"{count} pair(s) could not be used: {failures}", style="red", soft_wrap=True)
    return result
