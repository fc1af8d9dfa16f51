"""`tfregkit train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("train")
@click.argument("config")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Change a value of the configuration.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The run directory. Default: runs/<name of CONFIG>.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run (or start it, where there is none yet).")
def command(config: str, overrides: tuple[str, ...], run_dir: Path | None, resume: bool) -> int:
    """Train the stages of CONFIG and evaluate the result; with a section `sweep`, one run for each of its values.

    CONFIG is a YAML file or the name of a shipped configuration. The run directory gets the resolved configuration,
    metrics.csv, TensorBoard files, checkpoints and the trained network.

    A sweep trains its runs one after the other, each in a folder of its own in the run directory, and writes trials.csv
    and trials.png there. --resume leaves runs that are done as they are. The exit code is 1 when one of them failed.

    SIGTERM and Ctrl-C save the state after the step in progress and leave with exit code 143 and 130; `--resume` then
    goes on as if nothing had happened.

    \b
    tfregkit train quickstart
    tfregkit train my.yaml --set stages.registration.trainer.steps=2000 --run-dir runs/mine
    tfregkit train my.yaml --run-dir runs/mine --resume
    """
    from tfregkit.config.experiment import load_experiment

    experiment = load_experiment(config, overrides)
    from rich.console import Console

    from tfregkit.config.trials import load_trials
    from tfregkit.training.callbacks.termination import Interrupted
    from tfregkit.training.train import train

    run_dir = run_dir or Path("runs") / experiment.path.stem
    try:
        if experiment.sweep is not None:
            return _sweep(load_trials(config, overrides), run_dir, resume)
        train(experiment, run_dir, resume=resume, console=Console())
    except Interrupted as interrupted:
        click.echo(f"{run_dir}: {interrupted}. Continue with --resume.", err=True)
        return 128 + interrupted.number
    return 0


def _sweep(trials: list[Any], run_dir: Path, resume: bool) -> int:
    """Train the runs of a sweep and print their table."""
    from rich.console import Console

    from tfregkit.evaluation.trials_table import DONE, printed
    from tfregkit.report.wide import print_wide
    from tfregkit.training.trials import train_trials

    console = Console()
    rows = train_trials(trials, run_dir, resume=resume, console=console)
    print_wide(console, printed(rows))
    console.print(f"Table and plot: {run_dir}", highlight=False, soft_wrap=True)
    return 0 if all(row.state == DONE for row in rows) else 1
