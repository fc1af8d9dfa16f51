"""`tfregkit sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfregkit.cli.options import FILE, affine_fit, lambda_option, run_option, start_options


@click.command("sample")
@click.argument("targets", nargs=-1, type=FILE, metavar="[TARGET]...")
@run_option
@click.option("--atlas", "image", type=FILE, required=True, help="The labelled image.")
@click.option("--labels", type=FILE, required=True, help="Its label map, on the same grid.")
@click.option("--atlas-mask", type=FILE, help="For runs whose normalisation looks at masks.")
@click.option("--out-dir", type=FILE, required=True, help="Folder for the samples; must not hold anything yet.")
@click.option("-n", "--number", type=click.IntRange(min=1), default=10, show_default=True, help="How many samples.")
@click.option(
    "--scale",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Standard deviations are the network's times this; 0: the field that `register` finds.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same gives the same files.")
@click.option(
    "--atlas-role",
    type=click.Choice(["moving", "fixed"]),
    default="moving",
    show_default=True,
    help="fixed: targets are registered to the atlas, and the inverse warp deforms it, for runs that were trained with "
    "an atlas, or its modality, as the fixed image.",
)
@lambda_option
@start_options
def command(
    targets: tuple[Path, ...],
    run_dir: Path,
    image: Path,
    labels: Path,
    atlas_mask: Path | None,
    affine: bool,
    affine_similarity: str | None,
    **options: Any,
) -> None:
    """Make labelled images to train on: an atlas, deformed by fields that a probabilistic run draws.

    The network draws its latent around the mean for the pair of the atlas and a TARGET; the field it decodes deforms
    the atlas (linear) and its labels (nearest neighbour) on the atlas' own grid. Targets are by default the scans that
    the run was trained on.

    Writes sample0001_image.nii.gz, sample0001_labels.nii.gz and so on, samples.csv with the seed, the target, the
    smallest Jacobian determinant, the folds and the mean displacement of each, and samples.json. All or nothing.

    \b
    tfregkit sample --model runs/x --atlas a.nii.gz --labels a_labels.nii.gz -n 50 --out-dir samples
    tfregkit sample --model runs/x --atlas a.nii.gz --labels a_labels.nii.gz scans/*_T1.nii.gz --scale 2 --out-dir wide
    """
    from tfregkit.cli.steps import StepBars
    from tfregkit.data.base import Subject
    from tfregkit.data.tables import unique_names
    from tfregkit.inference.atlas import Atlas
    from tfregkit.inference.registration import load_run
    from tfregkit.inference.sample_files import training_scans, write_samples

    atlas = Atlas.read(image, labels, atlas_mask)
    registration = load_run(run_dir)
    if targets:
        scans = [Subject(id=name, image=path) for path, name in unique_names(targets).items()]
    else:
        scans = training_scans(run_dir, "fixed" if options["atlas_role"] == "moving" else "moving")
    options["affine"] = affine_fit(affine, affine_similarity)
    with StepBars() as bars:
        rows = write_samples(registration, atlas, scans, each=_tell, progress=bars, **options)
    click.echo(f"{len(rows)} samples: {options['out_dir']}")


def _tell(row: dict[str, Any]) -> None:
    click.echo(
        f"{row['id']}: towards {row['target']}, {row['displacement_mean_mm']:.2f} mm on average, "
        f"smallest Jacobian determinant {row['jacobian_min']:.2f}, folds {row['folds_percent']:.2f} %"
    )
