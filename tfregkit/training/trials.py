"""Training the runs of a sweep one after the other, and their table."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
from rich.console import Console

from tfregkit.config.trials import TABLE, Trial
from tfregkit.errors import ConfigError, RunError, TfregkitError
from tfregkit.evaluation.trials_table import TrialRow, trial_row, write_trials
from tfregkit.files import PARTIAL
from tfregkit.report.trials import trials_figure
from tfregkit.training.plan import check_plan
from tfregkit.training.run import Run
from tfregkit.training.train import check_same, train

PLOT = "trials.png"


def train_trials(
    trials: Sequence[Trial], folder: str | Path, *, resume: bool = False, console: Console | None = None
) -> list[TrialRow]:
    """Train and evaluate each run in a folder of its own, `<folder>/<name>`; write `trials.csv` and `trials.png`.

    The table is written after each run. A run whose training fails is in it with the reason, and the others go on.

    Args:
        trials: What `load_trials` gave.
        folder: The sweep's directory.
        resume: Leave runs that are done as they are, go on with the one that was interrupted, train the others.
        console: Where progress goes.

    Returns:
        The rows of the table, one for each trial.

    Raises:
        ConfigError: What `check_plan` finds in any of them, before anything is trained.
        RunError: When the folder exists (without `resume`), or a run in it was made with another configuration.
        Interrupted: As `train`; the table holds what was done.
    """
    folder, console = Path(folder).absolute(), console or Console(quiet=True)
    check_trials(trials, folder, resume, "sweep")
    failures = train_each(trials, folder, lambda failures: _write(trials, folder, failures), console)
    return _write(trials, folder, failures)


def train_each(
    trials: Sequence[Trial], folder: Path, record: Callable[[dict[str, str]], object], console: Console
) -> dict[str, str]:
    """Train and evaluate the runs that are not done yet, one after the other.

    Args:
        trials: The runs, which `check_trials` has seen.
        folder: Holds their folders.
        record: Called after each with why runs failed, by name; also when training is interrupted.
        console: Where progress goes.

    Returns:
        Why runs failed, by name.

    Raises:
        Interrupted: As `train`.
    """
    failures: dict[str, str] = {}
    for number, trial in enumerate(trials, start=1):
        path = folder / trial.name
        console.rule(f"{number} of {len(trials)}: {trial.name}", align="left")
        if done(path, trial):
            console.print("trained already", highlight=False)
            continue
        try:
            train(trial.experiment, path, resume=True, console=console)
        except ConfigError:
            raise
        except TfregkitError as error:
            failures[trial.name] = str(error)
            console.print(f"[red]failed:[/red] {error}", highlight=False, soft_wrap=True)
        finally:
            record(failures)
            keras.utils.clear_session()  # the graphs of one run are of no use to the next
            gc.collect()
    return failures


def check_trials(trials: Sequence[Trial], folder: Path, resume: bool, what: str) -> None:
    """Raise an error for what can be known to be wrong before the first run is trained.

    Args:
        trials: The runs.
        folder: The directory that will hold their folders.
        resume: Whether it may exist.
        what: What they are together, for messages.

    Raises:
        ConfigError: What `check_plan` finds in any of them, or for runs of several workers.
        RunError: When the folder exists (without `resume`), or a run in it was made with another configuration.
    """
    if Run.exists(folder):
        raise RunError(f"{folder}: is the directory of a single run. Choose another --run-dir for the {what}.")
    if not resume and folder.exists() and any(not path.name.startswith(PARTIAL) for path in folder.iterdir()):
        raise RunError(f"{folder}: the directory exists already. Continue with --resume, or choose another --run-dir.")
    for trial in trials:
        try:
            check_plan(trial.experiment, begun=Run.begun(folder / trial.name))
        except ConfigError as error:
            raise ConfigError(f"{trial.experiment.path}: {what}: {trial.name}: {error}") from error
        if any(stage.trainer.distribute == "multiworker" for stage in trial.experiment.stages):
            raise ConfigError(
                f"{trial.experiment.path}: {what}: runs of several workers cannot be trained in one process. Start "
                "them one by one, with --set."
            )
        if Run.exists(folder / trial.name):
            check_same(Run.open(folder / trial.name), trial.experiment)


def done(path: Path, trial: Trial) -> bool:
    """Whether a run was trained for all its steps and evaluated."""
    if not Run.exists(path):
        return False
    run, stages = Run.open(path), trial.experiment.stages
    trained = all(
        run.finished(index) and max(run.checkpoints(index).steps()) >= stage.trainer.steps
        for index, stage in enumerate(stages, start=1)
    )
    return trained and (trial.experiment.evaluation is None or (path / "evaluation" / "summary.csv").is_file())


def _write(trials: Sequence[Trial], folder: Path, failures: dict[str, str]) -> list[TrialRow]:
    """The table of what has been trained so far, and the plot once there is something to see."""
    rows = [
        trial_row(trial, folder / trial.name, done=done(folder / trial.name, trial), failure=failures.get(trial.name))
        for trial in trials
    ]
    write_trials(folder / TABLE, rows)
    trials_figure(rows, folder / PLOT)
    return rows
