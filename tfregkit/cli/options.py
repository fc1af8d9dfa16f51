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

lambda_option = click.option(
    "--lambda",
    "lam",
    type=click.FloatRange(0, 1),
    help="Regularity in [0, 1], for a network conditioned on it. Default: the one `tfregkit sweep` chose for the run.",
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


class Sizes(click.ParamType):
    """`128`, or `128,160,128` for the axes R, A, S."""

    name = "sizes"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """A whole number, or three."""
        if not isinstance(value, str):
            return value
        numbers = [number.strip() for number in value.split(",")]
        if len(numbers) not in (1, 3) or not all(number.isdigit() for number in numbers):
            self.fail(f"expected one whole number or three, as in 128 or 128,160,128. Received: {value!r}")
        return int(numbers[0]) if len(numbers) == 1 else tuple(map(int, numbers))


_TILES = (
    click.option(
        "--tile",
        type=Sizes(),
        metavar="SIZE",
        help="For images too large for the network at once: it sees tiles of at most so many voxels along an axis of "
        "its own grid (128; or 128,160,128).",
    ),
    click.option(
        "--tile-overlap",
        type=Sizes(),
        metavar="N",
        help="Voxels that neighbouring tiles share at least; they are blended there. Default: a quarter of --tile; "
        "half of it where the network segments.",
    ),
    click.option(
        "--tile-weights",
        type=click.Choice(["linear", "gaussian"]),
        help="How much a tile counts where it is blended: falling to its end (linear), or by a Gaussian bell. "
        "Default: linear.",
    ),
    click.option(
        "--stitcher",
        type=FILE,
        metavar="RUN",
        help="Tiles do not overlap, and the trained stitcher of this run's network puts them together.",
    ),
)


def tile_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--tile`, `--tile-overlap`, `--tile-weights` and `--stitcher`."""
    for option in reversed(_TILES):
        command = option(command)
    return command


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
