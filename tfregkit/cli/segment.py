"""`tfregkit segment`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from tfregkit.cli.options import (
    FILE,
    affine_fit,
    lambda_option,
    refine_option,
    run_option,
    start_options,
    tile_options,
)

WHICH_ATLASES = "Give --atlas with --atlas-labels, or a table of atlases (--atlases)"
REGISTRATION = (
    *("atlas_images", "atlas_labels", "atlas_table", "weights", "atlas_role"),
    *("lam", "init", "affine", "affine_similarity", "refine", "stitcher"),
)
"""Parameters that a run whose network segments does not take."""


@click.command("segment")
@click.argument("images", nargs=-1, type=FILE, metavar="[IMAGE]...")
@run_option
@click.option("--atlas", "atlas_images", type=FILE, multiple=True, help="A labelled image; may be given several times,")
@click.option("--atlas-labels", type=FILE, multiple=True, help="... each with its label map, on the same grid.")
@click.option("--atlases", "atlas_table", type=FILE, help="Instead: CSV with the columns image, labels[, id, mask].")
@click.option("--images", "image_table", type=FILE, help="Instead of IMAGE: CSV with the column image[, id, mask].")
@click.option("--out-dir", type=FILE, required=True, help="Folder for the label maps.")
@click.option(
    "--weights",
    type=click.Choice(["equal", "similarity"]),
    default="equal",
    show_default=True,
    help="How atlases vote. equal: majority; similarity: an atlas counts as much as it looks like the image there.",
)
@click.option("--votes", is_flag=True, help="Write the share of the votes each label got, too: <image>_votes.nii.gz.")
@click.option(
    "--atlas-role",
    type=click.Choice(["moving", "fixed"]),
    default="moving",
    show_default=True,
    help="fixed: register the image to the atlas and carry the labels by the inverse warp, for runs that were trained "
    "with an atlas, or its modality, as the fixed image.",
)
@lambda_option
@start_options
@refine_option
@tile_options
def command(
    images: tuple[Path, ...],
    run_dir: Path,
    atlas_images: tuple[Path, ...],
    atlas_labels: tuple[Path, ...],
    atlas_table: Path | None,
    image_table: Path | None,
    out_dir: Path,
    affine: bool,
    affine_similarity: str | None,
    **options: Any,
) -> int:
    """Label images by registering labelled atlases to them, or with a network that was trained to.

    If RUN registers, every atlas is registered to every IMAGE; its labels follow the warp onto the image's own grid,
    nearest neighbour, in one interpolation. Several atlases vote at each voxel; of labels with equal support the lowest
    wins. More atlases are better, and --weights similarity is better than majority where their registrations differ in
    quality.

    If RUN's network segments (strategy segmentation), there are no atlases: each voxel gets its most probable label,
    and --votes writes that probability.

    Writes <image>_segmentation.nii.gz with a JSON sidecar for each image, and segmentations.csv, which lists what
    became of each. An image that cannot be used is reported and the others go on; the exit code is then 1.

    \b
    tfregkit segment --model runs/x --atlas a.nii.gz --atlas-labels a_labels.nii.gz new.nii.gz --out-dir segmented
    tfregkit segment --model runs/x --atlas a.nii.gz --atlas-labels a_labels.nii.gz \\
        --atlas b.nii.gz --atlas-labels b_labels.nii.gz --weights similarity *_T1.nii.gz --out-dir segmented
    tfregkit segment --model runs/x --atlases atlases.csv --images scans.csv --out-dir segmented --refine 50
    tfregkit segment --model runs/unet *_T1.nii.gz --out-dir segmented
    """
    if bool(images) == (image_table is not None):
        raise click.UsageError("Give the images to segment, IMAGE..., or a table of them (--images), not both.")
    scans, atlases_given = _scans(images, image_table), bool(atlas_images or atlas_labels)
    if not atlases_given and atlas_table is None:
        return _segment_alone(run_dir, scans, out_dir, options)
    if atlases_given and atlas_table is not None:
        raise click.UsageError(f"{WHICH_ATLASES}, not both.")
    if len(atlas_images) != len(atlas_labels):
        raise click.UsageError(
            "Every --atlas needs its --atlas-labels, in the same order. "
            f"Received: {len(atlas_images)} and {len(atlas_labels)}."
        )
    options["affine"] = affine_fit(affine, affine_similarity)
    atlases = _atlases(list(zip(atlas_images, atlas_labels, strict=True)), atlas_table)
    from tfregkit.inference.registration import load_run
    from tfregkit.inference.segmenter import Segmenter
    from tfregkit.inference.tiling import Tiling

    registration = load_run(run_dir)
    if isinstance(registration, Segmenter):
        _refuse_registration()
    options["tile"] = Tiling.of(*(options.pop(key) for key in ("tile", "tile_overlap", "stitcher", "tile_weights")))
    return _segment(registration, scans, atlases, out_dir, options)


def _scans(images: tuple[Path, ...], table: Path | None) -> list[Any]:
    """The images to segment, with names."""
    from tfregkit.data.base import Subject
    from tfregkit.data.tables import absolute, read_scans, unique_names

    if table is not None:
        return [scan for scan, _ in read_scans(table, check_files=False)]
    names = unique_names(images)
    return [Subject(id=names[absolute(path)], image=absolute(path)) for path in images]


def _atlases(given: list[tuple[Path, Path]], table: Path | None) -> list[Any]:
    """The atlases, read."""
    from tfregkit.data.tables import read_scans
    from tfregkit.errors import DataError
    from tfregkit.inference.atlas import Atlas

    if table is None:
        return [Atlas.read(*files) for files in given]
    scans = [scan for scan, _ in read_scans(table)]
    if bare := [scan.id for scan in scans if scan.labels is None]:
        raise DataError(f"{table}: an atlas needs `labels`, and these have none: {', '.join(bare)}.")
    return [Atlas.read(scan.image, scan.labels, scan.mask) for scan in scans]


def _segment(registration: Any, scans: list[Any], atlases: list[Any], out_dir: Path, options: dict[str, Any]) -> int:
    from tfregkit.cli.lambdas import at_lambda
    from tfregkit.cli.steps import StepBars
    from tfregkit.inference.segmentation_batch import segment_images

    (lam,), origin = registration.lambdas(options["lam"])
    if origin == "sweep":
        click.echo(f"Registering{at_lambda(lam, origin)}.")
    with StepBars() as bars:
        shown = {"progress": bars, "report": partial(bars.count, "atlas")}
        return _told(segment_images(registration, scans, atlases, out_dir, each=_tell, **shown, **options), out_dir)


def _segment_alone(run_dir: Path, scans: list[Any], out_dir: Path, options: dict[str, Any]) -> int:
    """With the network alone, if it segments."""
    from tfregkit.inference.registration import load_run
    from tfregkit.inference.segmentation_batch import label_images
    from tfregkit.inference.segmenter import Segmenter

    segmenter = load_run(run_dir)
    if not isinstance(segmenter, Segmenter):
        raise click.UsageError(
            f"{run_dir}: its network does not segment, so it needs labelled atlases to register. {WHICH_ATLASES}."
        )
    _refuse_registration()
    tiling = segmenter.tiling(*(options[key] for key in ("tile", "tile_overlap", "tile_weights")))

    def label(scan: Any) -> Any:
        return segmenter.segment(scan.image, mask=scan.mask, tile=tiling)

    return _told(label_images(label, scans, out_dir, votes=options["votes"], each=_tell), out_dir)


def _refuse_registration() -> None:
    """Raise a usage error that names the options given that are for runs that register."""
    context = click.get_current_context()
    options = [option for option in context.command.params if option.name in REGISTRATION]
    given = [
        option.opts[0]
        for option in options
        if context.get_parameter_source(option.name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"This run's network segments by itself and registers no atlases. Leave out: {', '.join(given)}."
        )


def _tell(outcome: Any) -> None:
    failed = outcome.status == "failed"
    click.echo(f"{outcome.name}: {outcome.message if failed else f'{outcome.seconds:.1f} s'}", err=failed)
    if outcome.message and not failed:
        click.echo(f"  {outcome.message}")


def _told(outcomes: list[Any], out_dir: Path) -> int:
    """The last line, and the exit code."""
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    click.echo(f"{len(outcomes) - failed} of {len(outcomes)} images segmented: {out_dir}")
    return 1 if failed else 0
