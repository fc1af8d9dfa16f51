"""Training an experiment: its stages in order, then its evaluation."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from tfregkit.backend.distribution import open_distribution
from tfregkit.config.experiment import Experiment
from tfregkit.data.companion import check_companions
from tfregkit.data.pairs import sides
from tfregkit.errors import ConfigError, RunError, TfregkitError, TrainingError
from tfregkit.evaluation.settings import EvaluationSettings
from tfregkit.training.initial import origins
from tfregkit.training.parts import check_jit
from tfregkit.training.plan import check_plan
from tfregkit.training.run import Run
from tfregkit.training.stage import Stage

_TRAINING = ("steps", "prefetch", "validate_every", "validation_pairs", "validation_lambda", "checkpoint_every", "keep")
_MACHINE = ("remat", "jit_compile", "distribute", "deterministic", "cache", "workers")
CHANGEABLE = {*_TRAINING, *_MACHINE}
"""Keys of `trainer` and `data` that a resumed run may change."""


def train(experiment: Experiment, run_dir: str | Path, *, resume: bool = False, console: Console | None = None) -> Run:
    """Train all stages and evaluate.

    Args:
        experiment: What to train.
        run_dir: The run directory to make; with `resume`, the one to go on with (or to make, where there is none).
        resume: Go on from the latest checkpoint. The configuration must be the run's own but for the keys `CHANGEABLE`.
        console: Where progress goes.

    Returns:
        The run.

    Raises:
        ConfigError: What `check_plan` finds, before anything is written; when it is a sweep, which is several runs.
        DataError: When a label map or mask that will be evaluated lies on another grid than its image.
        RunError: When the run directory exists (without `resume`) or is another experiment's.
        TrainingError: See `Stage.fit`.
    """
    if experiment.sweep is not None:
        raise ConfigError(f"{experiment.path}: has a `sweep`, which `training.trials.train_trials` trains run by run.")
    # Connects workers, which TensorFlow does before it has done anything else, or not at all.
    chief = all([open_distribution(stage.trainer.distribute).chief for stage in experiment.stages])
    check_plan(experiment, begun=Run.begun(run_dir) if resume else ())
    if experiment.evaluation is not None:
        _check_evaluated(experiment)
    console = console if chief and console else Console(quiet=not chief)
    new = chief and not (resume and Run.exists(run_dir))
    run = _run(experiment, run_dir, resume, chief)
    for index, settings in enumerate(experiment.stages, start=1):
        if resume and run.finished(index) and max(run.checkpoints(index).steps()) >= settings.trainer.steps:
            console.print(f"{settings.name}: trained already", highlight=False)
            continue
        if warning := check_jit(settings.trainer):
            console.print(f"Warning: {warning}")
        try:
            stage = Stage(run, index, settings, experiment.seed, resume, console)
        except TfregkitError:
            if new and index == 1:  # nothing has been trained: the next try may use the same --run-dir
                shutil.rmtree(run.path)
            raise
        if warning := stage.trainer.strategy.caution():
            console.print(f"Warning: {warning}", highlight=False, soft_wrap=True)
        if stage.start:
            console.print(f"{settings.name}: going on from step {stage.start}")
        elif settings.initial:
            begins = f"{settings.name}: begins with {origins(settings.initial)}"
            console.print(begins, highlight=False, markup=False, soft_wrap=True)
        if settings.freeze:
            kept = f"{settings.name}: stays as it begins: the {', '.join(f'`{part}`' for part in settings.freeze)}"
            console.print(kept, highlight=False, markup=False, soft_wrap=True)
        console.print(f"{settings.name}: {stage.data.describe()}", highlight=False, soft_wrap=True)
        stage.fit()
        if not chief and index < len(experiment.stages):
            wait_for_chief(run, index)
    console.print(f"Trained: {run.path}", highlight=False, soft_wrap=True)
    if experiment.evaluation is not None and chief:
        from tfregkit.evaluation.evaluate import evaluate_run

        evaluate_run(run, _evaluation(experiment, run), console=console)
    return run


def _check_evaluated(experiment: Experiment) -> None:
    """Look at the headers of what is evaluated when all is trained: its images are not read before."""
    split = experiment.stages[-1].data.dataset.build().split(experiment.seed)
    pairs = split.test if experiment.evaluation.pairs == "test" else split.validation
    check_companions(scan for side in sides(pairs) for scan in side)


def _evaluation(experiment: Experiment, run: Run) -> EvaluationSettings:
    """The evaluation's settings. While no lambda has been chosen for a conditioned run, those of its validation."""
    settings, stage = experiment.evaluation, experiment.stages[-1]
    lam = stage.trainer.validation_lambda if stage.objective.lam == "uniform" else stage.objective.lam
    conditioned = lam is not None and stage.model.build().conditioned
    if settings.lambdas is not None or not conditioned or (run.path / "lambda.json").is_file():
        return settings
    return settings.model_copy(update={"lambdas": [lam]})


def wait_for_chief(run: Run, index: int, seconds: float = 3600.0) -> None:
    """Wait until the chief has written a stage's weights, which the next stage of every worker may look at.

    Raises:
        TrainingError: When they do not appear: the run directory must be on a file system that all workers see.
    """
    path, stop = run.stage_path(index) / "model.keras", time.monotonic() + seconds
    while not run.finished(index):
        if time.monotonic() > stop:
            raise TrainingError(
                f"{path}: the first worker has not written it. The workers of a job with several stages need the same "
                "--run-dir on a shared file system; start them again with --resume."
            )
        time.sleep(0.2)


def _run(experiment: Experiment, run_dir: str | Path, resume: bool, chief: bool) -> Run:
    if not chief:
        return Run.of(run_dir, experiment)
    if not resume or not Run.exists(run_dir):
        return Run.create(run_dir, experiment)
    run = Run.open(run_dir)
    changes = check_same(run, experiment)
    run.tidy()
    if changes:
        run.rewrite(experiment)
    return run


def check_same(run: Run, experiment: Experiment) -> dict[str, str]:
    """What changed since the run was made, by key.

    Raises:
        RunError: When it is more than a resumed run may change.
    """
    changes = differences(run.experiment.plain(), experiment.plain())  # of both, with today's defaults
    refused = [change for key, change in changes.items() if key.split(".")[-1] not in CHANGEABLE]
    if refused:
        raise RunError(
            f"{run.path}: the run was made with another configuration, so it cannot go on with this one:\n  "
            + "\n  ".join(refused)
            + "\n  Undo these changes, or choose another --run-dir."
        )
    return changes


def differences(before: Any, after: Any, path: str = "") -> dict[str, str]:
    """What changed between two plain configurations, by dotted key; `evaluation` is not compared."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        before, after = dict(enumerate(before)), dict(enumerate(after))
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {} if before == after else {path: f"{path}: was {before!r}, is {after!r}"}
    found: dict[str, str] = {}
    for key in [*before, *(key for key in after if key not in before)]:
        if path or key != "evaluation":
            found.update(differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key)))
    return found
