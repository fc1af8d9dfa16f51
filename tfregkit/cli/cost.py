"""`tfregkit cost`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("cost")
@click.argument("runs", metavar="[LABEL=]RUN|SWEEP...", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the table and the plot.")
def command(runs: tuple[str, ...], out: Path) -> None:
    """Put what RUNs and SWEEPs reach and what their training cost into one table.

    A SWEEP is the directory of a `train` with a section `sweep`: it costs what all its runs cost, and reaches what the
    best of them by validation Dice does. LABEL= names a line.

    Cost is training: steps, image pairs, and seconds of wall-clock time of all stages, without validation and
    evaluation. Quality is the best validation Dice, and the means of the run's evaluation, where there is one (of a
    conditioned run at the lambda that `tfregkit sweep` chose). Writes cost.csv and cost.png.

    \b
    tfregkit cost bilevel=runs/bilevel lambda=runs/contrareg grid=runs/grid --out cost
    """
    from rich.console import Console

    from tfregkit.evaluation.cost_table import printed, read_spent, write_spent
    from tfregkit.report.cost import cost_figure
    from tfregkit.report.wide import print_wide

    lines = read_spent(runs)
    write_spent(out / "cost.csv", lines)
    cost_figure(lines, out / "cost.png")
    console = Console()
    print_wide(console, printed(lines))
    if bare := [line.label for line in lines if not line.metrics]:
        console.print(
            f"Without an evaluation to show: {', '.join(bare)}.", style="yellow", highlight=False, markup=False
        )
    console.print(f"Table and plot: {out}", highlight=False, soft_wrap=True)
