"""`tfregkit apply`."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command("apply")
@click.argument("files", nargs=-1, type=FILE, metavar="[INPUT] OUT")
@click.option(
    "--warp",
    "warps",
    type=FILE,
    multiple=True,
    required=True,
    help="A warp, or an ITK affine (.tfm, .mat). Given more than once: composed, from the reference outwards.",
)
@click.option("--reference", type=FILE, help="The image whose grid the result has. Default: the warp's own grid.")
@click.option(
    "--interpolation",
    type=click.Choice(["linear", "nearest"]),
    default="linear",
    show_default=True,
    help="nearest for label maps.",
)
@click.option("--fill", type=float, help="Value outside INPUT. Default: its minimum; 0 with nearest.")
@click.option("--points", type=FILE, help="Map these points (CSV: x, y, z in mm) instead of an image.")
@click.option(
    "--points-space", type=click.Choice(["ras", "lps"]), default="ras", show_default=True, help="What the numbers are."
)
def command(
    files: tuple[Path, ...],
    warps: tuple[Path, ...],
    reference: Path | None,
    interpolation: str,
    fill: float | None,
    points: Path | None,
    points_space: str,
) -> None:
    """Resample INPUT through a warp onto the reference's grid, or map points.

    A warp pulls images of the moving space onto the fixed grid; it maps points the other way, from the fixed to the
    moving space. To bring landmarks of the moving image to the fixed one, use the inverse warp. Reads warps of
    `tfregkit register` in every format, and those of ITK, ANTs and Slicer.

    \b
    tfregkit apply --warp warp.nii.gz --reference fixed.nii.gz moving2.nii.gz moved2.nii.gz
    tfregkit apply --warp warp.nii.gz --interpolation nearest labels.nii.gz moved_labels.nii.gz
    tfregkit apply --warp warp.nii.gz --points fixed_points.csv points_in_moving.csv
    """
    if points is not None:
        if len(files) != 1:
            raise click.UsageError("With --points, give one file: the CSV to write.")
        _refuse_overwriting(files[0], (points, *warps))
        _points(warps, points, files[0], points_space)
        return
    if len(files) != 2:
        raise click.UsageError("Give INPUT and OUT (or --points P.csv and OUT).")
    source, out = files
    _refuse_overwriting(out, (source, *warps, *([reference] if reference else [])))
    from tfregkit.data.volume import save_image
    from tfregkit.data.writing import check_nifti_name
    from tfregkit.inference.apply import apply_to_image, read_transform

    check_nifti_name(out)
    image = apply_to_image(source, read_transform(warps), reference, interpolation=interpolation, fill=fill)
    save_image(image, out)


def _refuse_overwriting(out: Path, inputs: tuple[Path, ...]) -> None:
    if out.resolve() in {path.resolve() for path in inputs}:
        raise click.UsageError(f"{out} is an input; it would be overwritten.")


def _points(warps: tuple[Path, ...], points: Path, out: Path, space: str) -> None:
    from tfregkit.inference.apply import outside, read_transform
    from tfregkit.inference.points import read_points, write_points

    transform = read_transform(warps)
    places, rows = read_points(points, space)
    if beyond := outside(places, transform):
        click.echo(
            f"Note: {beyond} of {len(places)} points lie outside the warp's grid; its edge was continued.", err=True
        )
    write_points(out, transform.map(places), rows, space)
