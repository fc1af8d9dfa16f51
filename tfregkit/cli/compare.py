"""`tfregkit compare`."""

from __future__ import annotations

from pathlib import Path

import click

BEFORE = "before"


@click.command("compare")
@click.argument("runs", metavar="[LABEL=]RUN...", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the tables and plots.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="A metric to compare; can be repeated. [default: all that every run has, but for seconds]",
)
@click.option(
    "--reference", metavar="LABEL", help="Test each other run against this one. [default: test each two runs]"
)
@click.option(
    "--direction",
    type=click.Choice(["registration", "segmentation"]),
    default="registration",
    show_default=True,
    help="Which direction of the evaluations.",
)
@click.option(
    "--lambda", "lam", type=click.FloatRange(0, 1), metavar="L", help="Which lambda of evaluations with several."
)
@click.option(
    "--before", is_flag=True, help="Show the pairs before registration too, as the first run's evaluation has them."
)
def command(
    runs: tuple[str, ...],
    out: Path,
    metrics: tuple[str, ...],
    reference: str | None,
    direction: str,
    lam: float | None,
    before: bool,
) -> None:
    """Compare evaluated RUNs on the pairs they share: means, tests, box plots.

    A RUN is a run that was evaluated, a folder with a metrics.csv, or such a file; LABEL= names it in tables and plots.
    Pairs and structures that are not in every run are left out, which is told, and so are metrics that were not
    measured with the same parameters.

    Three or more runs are tested with Friedman's test, and each two of them (or each with --reference) with Wilcoxon's
    signed-rank test, two-sided, corrected by Bonferroni. Writes compare.csv (each metric, structure and run),
    compare.json (the metrics' parameters), tests.csv, compare.tex and a box plot of each metric, compare_METRIC.png.
    With a single RUN: its table and plots.

    \b
    tfregkit compare runs/ncc runs/mi runs/mind --out comparison
    tfregkit compare VoxelMorph=runs/x SyN=results/syn/metrics.csv --reference VoxelMorph --metric dice --out comparison
    """
    from rich.console import Console

    from tfregkit.errors import ConfigError
    from tfregkit.evaluation.compared import read_compared
    from tfregkit.evaluation.comparison import Difference, Line, compare
    from tfregkit.evaluation.comparison_table import latex, printed_differences, printed_values
    from tfregkit.evaluation.conventions import write_conventions
    from tfregkit.evaluation.table import write_table
    from tfregkit.files import write_text
    from tfregkit.report.boxes import box_figure
    from tfregkit.report.wide import print_wide

    compared = read_compared(runs, direction=direction, lam=lam)
    if before and BEFORE in (run.label for run in compared):
        raise ConfigError(f"a run has the label `{BEFORE}`, which --before needs. Name it: `LABEL=PATH`.")
    shown = [compared[0].before(BEFORE), *compared] if before else compared
    comparison = compare(shown, metrics, reference=reference, untested=[BEFORE] if before else [])
    write_conventions(out / "compare.csv", comparison.conventions)
    write_table(out / "compare.csv", comparison.lines, Line)
    (out / "tests.csv").unlink(missing_ok=True)
    if comparison.differences:
        write_table(out / "tests.csv", comparison.differences, Difference)
    write_text(out / "compare.tex", latex(comparison))
    units = {line.metric: line.unit for line in comparison.lines}
    for matched in comparison.matched:
        box_figure(matched, out / f"compare_{matched.metric}.png", unit=units[matched.metric])
    console = Console()
    print_wide(console, printed_values(comparison))
    if comparison.differences:
        print_wide(console, printed_differences(comparison.differences))
    for note in comparison.notes:
        console.print(note, style="yellow", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Tables and plots: {out}", highlight=False, soft_wrap=True)
