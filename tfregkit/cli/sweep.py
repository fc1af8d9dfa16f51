"""`tfregkit sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfregkit.cli.lambdas import Lambdas
from tfregkit.lambdas import spelled

FILE = click.Path(path_type=Path)


@click.command("sweep")
@click.argument("run_dirs", metavar="RUN...", type=FILE, nargs=-1, required=True)
@click.option(
    "--pairs",
    "table",
    type=FILE,
    help="CSV of pairs with moving_labels and fixed_labels. Default: the pairs of each run's own data set.",
)
@click.option(
    "--subset",
    type=click.Choice(["validation", "test"]),
    help="Which pairs of the run's data set. [default: validation]",
)
@click.option(
    "--lambdas",
    type=Lambdas(),
    default="paper17",
    show_default=True,
    metavar="L1,L2,...",
    help="The lambdas, or the name of a list; paper17: 0, 0.025, ..., 0.175, 0.2, 0.3, ..., 1.",
)
@click.option(
    "--max-folds",
    type=click.FloatRange(0, 100, min_open=True),
    default=0.5,
    show_default=True,
    help="The chosen lambda has fewer folds than this, in % of the voxels, on average over the pairs.",
)
@click.option("--structures", type=FILE, help="JSON that names and merges labels for Dice.")
@click.option(
    "--out", type=FILE, help="Folder for sweep.csv and sweep.png. [default: RUN/sweep; with several runs: give it]"
)
@click.option("--no-store", is_flag=True, help="Do not store the chosen lambda in the run.")
@click.option(
    "--set", "overrides", multiple=True, metavar="A.B=C", help="Change the run's `evaluation` section, as in `train`."
)
def command(
    run_dirs: tuple[Path, ...],
    table: Path | None,
    subset: str | None,
    lambdas: tuple[float, ...],
    max_folds: float,
    structures: Path | None,
    out: Path | None,
    no_store: bool,
    overrides: tuple[str, ...],
) -> int:
    """Measure conditioned RUNs at many lambdas and choose the best for each.

    Labelled pairs are registered at every lambda. The choice is the lambda with the highest Dice among those with less
    than --max-folds folds; it is stored in the run (RUN/lambda.json), where `register` and `evaluate` find it when they
    are given none. Writes sweep.csv (a row per run and lambda: Dice, Dice30, folds, SDlogJ, NCC) and sweep.png (the
    curves, all runs in one plot).

    A sweep that was interrupted and is called again goes on with the pairs that are missing. The exit code is 1 when a
    run has no lambda within the limit (nothing is stored for it then), or a pair could not be used.

    \b
    tfregkit sweep runs/x
    tfregkit sweep runs/x runs/y --pairs pairs.csv --structures structures.json --out sweep
    """
    if out is None and len(run_dirs) > 1:
        raise click.UsageError("With several runs, say where the table and the plot go: --out DIR.")
    if table is not None and subset is not None:
        raise click.UsageError("--subset chooses among the run's own pairs; with --pairs there are none to choose.")
    from tfregkit.training.run import Run

    runs = [Run.open(path) for path in run_dirs]
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise click.UsageError("A run is given twice.")
    from rich.console import Console

    from tfregkit.evaluation.labels import path_labels
    from tfregkit.evaluation.sweep import check_conditioned, store, sweep_run
    from tfregkit.evaluation.sweep_table import SweepRow, printed
    from tfregkit.evaluation.table import write_table
    from tfregkit.report.curves import sweep_figure
    from tfregkit.report.wide import print_wide

    console, folder = Console(), out or runs[0].path / "sweep"
    for run in runs:
        check_conditioned(run)
    plans = [_plan(run, table, subset or "validation", structures, overrides, console) for run in runs]
    labels = path_labels([run.path for run in runs])
    sweeps = []
    for run, label, (pairs, where, settings) in zip(runs, labels, plans, strict=True):
        sweep = sweep_run(run, label, pairs, lambdas, settings, folder, max_folds, console)
        sweeps.append(sweep)
        print_wide(console, printed(sweep.rows, max_folds))
        path = None if no_store else store(sweep, where, settings, max_folds)
        console.print(_said(sweep, path, max_folds), highlight=False, soft_wrap=True)
    write_table(folder / "sweep.csv", [row for sweep in sweeps for row in sweep.rows], SweepRow)
    sweep_figure(sweeps, folder / "sweep.png", max_folds=max_folds)
    console.print(f"Table and plot: {folder}", highlight=False, soft_wrap=True)
    return 1 if any(sweep.failures or sweep.chosen is None for sweep in sweeps) else 0


def _plan(
    run: Any, table: Path | None, subset: str, structures: Path | None, overrides: tuple[str, ...], console: Any
) -> tuple[list[Any], str, Any]:
    """A run's labelled pairs, where they are from, and how they are measured."""
    from tfregkit.config.experiment import load_experiment
    from tfregkit.data.tables import read_pairs
    from tfregkit.evaluation.evaluate import run_pairs
    from tfregkit.evaluation.settings import EvaluationSettings
    from tfregkit.evaluation.sweep import labelled, sweep_settings

    experiment = load_experiment(run.path / "resolved.yaml", overrides) if overrides else run.experiment
    settings = sweep_settings(experiment.evaluation or EvaluationSettings(), structures)
    if table is not None:
        return labelled(read_pairs(table, check_files=False), f"{table}", console), f"{table.absolute()}", settings
    pairs = run_pairs(run, settings.model_copy(update={"pairs": subset}))
    return labelled(pairs, f"{run.path}, {subset} pairs", console), f"{subset} pairs of the run's data set", settings


def _said(sweep: Any, path: Path | None, max_folds: float) -> str:
    """What was chosen for a run, and where it is stored."""
    best = sweep.chosen
    if best is None:
        return f"[red]{sweep.label}: no lambda has less than {max_folds:g} % folds; nothing is stored.[/red]"
    chosen = f"{sweep.label}: lambda {spelled(best.lam)}, Dice {best.dice:.4f}, folds {best.folds_percent:.3g} %"
    return f"{chosen}; not stored." if path is None else f"{chosen}; stored: {path}"
