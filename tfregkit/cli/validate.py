"""`tfregkit validate`."""

from __future__ import annotations

import click


@click.command("validate")
@click.argument("config")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Change a value first, as `train` does.")
@click.option("--show", is_flag=True, help="Print the configuration with everything resolved and every default.")
def command(config: str, overrides: tuple[str, ...], show: bool) -> None:
    """Check CONFIG without running it.

    Reads the file and its bases, finds every component among the installed plugins and tries its constructor. All
    problems are printed at once, each with its file and line; then what does not fit between a stage's parts, or
    between stages. The exit code is 2 if there are any. Images are not read. Another run that a stage begins from is
    looked at if it is there.
    """
    from tfregkit.config.experiment import load_experiment
    from tfregkit.config.source import dump
    from tfregkit.config.trials import load_trials
    from tfregkit.training.plan import check_plan

    experiment = load_experiment(config, overrides)
    absent: list[str] = []
    check_plan(experiment, absent=absent.append)
    trials = load_trials(config, overrides) if experiment.sweep is not None else []
    for trial in trials:
        check_plan(trial.experiment, absent=absent.append)
    if show:
        click.echo(dump(experiment.plain()), nl=False)
        return
    stages = ", ".join(f"{stage.name} ({stage.model.name}, {stage.strategy.name})" for stage in experiment.stages)
    runs = f" Sweep: {len(trials)} runs." if trials else ""
    click.echo(f"{experiment.path}: valid. Stages: {stages}. Seed: {experiment.seed}.{runs}")
    for message in dict.fromkeys(absent):
        click.echo(f"Not looked at: {message}")
