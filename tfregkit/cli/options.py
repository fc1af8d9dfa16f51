"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path)

run_option = click.option(
    "--model", "run_dir", type=FILE, required=True, metavar="RUN", help="The run directory of a trained network."
)

_START = (
    click.option(
        "--init",
        metavar="START",
        help="Affine start: header, centre (of the fields of view), moments (centres of mass), or an ITK file (.tfm).",
    ),
    click.option("--affine", is_flag=True, help="Optimise 12 affine parameters from there first."),
    click.option(
        "--affine-similarity", metavar="NAME", help="What --affine maximises. Default: the run's own similarity."
    ),
)

refine_option = click.option(
    "--refine", type=click.IntRange(min=0), default=0, help="Steps of optimisation for each pair alone."
)


def start_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--init`, `--affine` and `--affine-similarity`."""
    for option in reversed(_START):
        command = option(command)
    return command


def affine_fit(affine: bool, similarity: str | None) -> Any:
    """`--affine` and `--affine-similarity` as a registration takes them: whether, or by which similarity."""
    if similarity is None:
        return affine
    from tfregkit import build

    return build("similarity", similarity)
