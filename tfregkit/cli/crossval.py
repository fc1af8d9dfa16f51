"""`tfregkit crossval`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("crossval")
@click.argument("config")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="How many.")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Change a value of the configuration.")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="The directory of all folds. Default: runs/<name of CONFIG>_crossval.",
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted cross-validation (or start it).")
def command(config: str, folds: int, overrides: tuple[str, ...], run_dir: Path | None, resume: bool) -> int:
    """Train and evaluate CONFIG once for each fold, so that every subject is tested once by a run that has not seen it.

    The seed draws the folds from all subjects that CONFIG splits (those of `test` too). In each run those of one fold
    are tested; of the others as many validate as CONFIG says, and the rest train. Scans of one person stay together.

    The runs lie in fold-1, fold-2, ... of the run directory. subjects.csv says who is tested where, folds.csv has each
    metric and structure by fold, with mean and standard deviation over the folds; evaluation/ holds the measurements of
    all subjects together, which `tfregkit compare` takes as a run's, and each metric has a box plot. --resume leaves
    folds that are done as they are. The exit code is 1 when one of them failed, 143 or 130 after SIGTERM or Ctrl-C.

    \b
    tfregkit crossval my.yaml --folds 5 --run-dir runs/cv
    tfregkit crossval my.yaml --set data.dataset.train_fraction=0.15 --run-dir runs/cv15
    tfregkit compare few=runs/cv15 all=runs/cv --direction segmentation --out comparison
    """
    from rich.console import Console

    from tfregkit.config.folds import load_folds
    from tfregkit.evaluation.folds_table import printed
    from tfregkit.report.wide import print_wide
    from tfregkit.training.callbacks.termination import Interrupted
    from tfregkit.training.folds import train_folds

    trials, console = load_folds(config, folds, overrides), Console()
    run_dir = run_dir or Path("runs") / f"{trials[0].experiment.path.stem}_crossval"
    try:
        lines, failures = train_folds(trials, run_dir, resume=resume, console=console)
    except Interrupted as interrupted:
        click.echo(f"{run_dir}: {interrupted}. Continue with --resume.", err=True)
        return 128 + interrupted.number
    print_wide(console, printed(lines, folds))
    for name, message in failures.items():
        console.print(f"{name} failed: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Tables and plots: {run_dir}", highlight=False, soft_wrap=True)
    return 1 if failures else 0
