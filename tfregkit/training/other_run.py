"""Stages of other runs, from which one may begin."""

from __future__ import annotations

from tfregkit.config.stage import OtherRun
from tfregkit.errors import ConfigError, RunError
from tfregkit.training.run import Run
from tfregkit.wording import did_you_mean, one_of


def finished_stage(origin: OtherRun) -> tuple[Run, int]:
    """The run, and the number of its stage, from 1, which is trained.

    Raises:
        RunError: When there is no such run, or the stage is not trained to its end.
        ConfigError: When the run has no such stage.
    """
    run = Run.open(origin.run)
    names = [stage["name"] for stage in run.resolved["stages"]]
    name = names[-1] if origin.stage is None else origin.stage
    if name not in names:
        raise ConfigError(f"{run.path}: has no stage `{name}`.{did_you_mean(name, names)} It has: {one_of(names)}.")
    index = names.index(name) + 1
    if not run.finished(index):
        raise RunError(
            f"{run.path}: its stage `{name}` is not trained to its end. Go on with it first: `tfregkit train CONFIG "
            f"--run-dir {run.path} --resume`."
        )
    return run, index
