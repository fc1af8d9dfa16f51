"""`tfregkit evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from tfregkit.cli.lambdas import Lambdas


@click.command("evaluate")
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--pairs",
    "table",
    type=click.Path(path_type=Path),
    help="CSV of pairs: moving, fixed and, where known, moving_labels, fixed_labels, moving_points, fixed_points, "
    "fixed_mask; of a run whose network segments, of scans: image, labels. Default: the test pairs of the run's own "
    "data set.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for tables and pictures. [default: RUN/evaluation]"
)
@click.option(
    "--lambdas",
    type=Lambdas(),
    metavar="L1,L2,...",
    help="Evaluate at each lambda (networks conditioned on lambda); paper17: the 17 of ContraReg's paper. Default: "
    "the one `tfregkit sweep` chose for the run.",
)
@click.option(
    "--directions",
    metavar="D1[,D2]",
    help="registration: moving labels warped to the fixed image; segmentation: fixed labels warped back to the moving "
    "image by the inverse, and compared there; or both: registration,segmentation. [default: registration]",
)
@click.option(
    "--structures",
    type=click.Path(path_type=Path),
    help="JSON that names and merges labels, for every metric with structures.",
)
@click.option("--refine", type=click.IntRange(min=0), help="Steps of optimisation for each pair, after the network.")
@click.option("--pictures", type=click.IntRange(min=0), help="Of how many pairs to write a picture.")
@click.option(
    "--set", "overrides", multiple=True, metavar="A.B=C", help="Change the run's `evaluation` section, as in `train`."
)
def command(
    run_dir: Path,
    table: Path | None,
    out: Path | None,
    lambdas: tuple[float, ...] | None,
    directions: str | None,
    structures: Path | None,
    refine: int | None,
    pictures: int | None,
    overrides: tuple[str, ...],
) -> None:
    """Register pairs with RUN and measure them, before and after; or segment scans, and compare them with their labels.

    Writes metrics.csv (one row per pair, metric, structure and direction), metrics.json (what the metrics were measured
    with), summary.csv (over the pairs, with Wilcoxon's p) and a picture of the first pair, and prints the summary. A
    pair that cannot be used is reported and the others go on; the exit code is then 1.

    \b
    tfregkit evaluate runs/x
    tfregkit evaluate runs/x --pairs pairs.csv --structures structures.json --out results
    tfregkit evaluate runs/x --lambdas paper17
    tfregkit evaluate runs/x --directions registration,segmentation
    tfregkit evaluate runs/x --set 'evaluation.metrics=[dice, {name: folds, scheme: forward}]'
    """
    from tfregkit.config.experiment import load_experiment
    from tfregkit.data.tables import read_cases
    from tfregkit.evaluation.evaluate import evaluate_run
    from tfregkit.evaluation.settings import EvaluationSettings
    from tfregkit.training.run import Run

    run = Run.open(run_dir)
    lists = {"lambdas": lambdas and list(lambdas), "directions": directions and directions.split(",")}
    given = {**lists, "refine": refine, "pictures": pictures}
    changes = [*overrides, *(f"evaluation.{key}={value}" for key, value in given.items() if value is not None)]
    experiment = load_experiment(run.path / "resolved.yaml", changes) if changes else run.experiment
    settings = experiment.evaluation or EvaluationSettings()
    if structures is not None:
        settings = settings.with_structures(structures)
    pairs = read_cases(table) if table else None
    result = evaluate_run(run, settings, pairs, out)
    if result.failures:
        raise click.exceptions.Exit(1)
