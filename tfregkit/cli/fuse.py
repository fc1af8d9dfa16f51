"""`tfregkit fuse`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from tfregkit.cli.options import FILE, run_option


@click.command("fuse")
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@run_option
@click.option("--out", type=FILE, required=True, help="Write the fused image (and its JSON sidecar).")
@click.option(
    "--rule",
    type=click.Choice(["l1", "addition"]),
    default="l1",
    show_default=True,
    help="How maps are fused. l1: each image counts where its maps are strong; addition: their sum.",
)
@click.option("--first-mask", type=FILE, help="For runs whose normalisation looks at masks.")
@click.option("--second-mask", type=FILE, help="The same for the second image.")
def command(
    first: Path, second: Path, run_dir: Path, out: Path, rule: str, first_mask: Path | None, second_mask: Path | None
) -> None:
    """Fuse two registered images, such as T1 and T2 of one person, into one that shows what both do.

    An autoencoder (configuration `densefuse`) turns the slices of both into feature maps; the maps are fused by a rule
    and turned back into an image, float32 on the same grid, in the normalised intensities of training (0 to 1).

    \b
    tfregkit register --model runs/x t2.nii.gz t1.nii.gz --moved t2_on_t1.nii.gz
    tfregkit fuse --model runs/densefuse t1.nii.gz t2_on_t1.nii.gz --out fused.nii.gz
    """
    from tfregkit.cli.steps import StepBars
    from tfregkit.data.writing import check_nifti_name, save_image
    from tfregkit.errors import DataError
    from tfregkit.files import write_json
    from tfregkit.inference.fusion import load_fusion
    from tfregkit.inference.warps import sidecar_path

    check_nifti_name(out)
    for path in filter(None, (first, second, first_mask, second_mask)):
        if path.resolve() == out.resolve():
            raise DataError(f"{path}: is an input; it would be overwritten. Choose another --out.")
    fusion = load_fusion(run_dir)
    with StepBars() as bars:
        masks = first_mask, second_mask
        image, about = fusion.fuse(first, second, rule=rule, masks=masks, report=partial(bars.count, "slices"))
    save_image(image, out)
    write_json(sidecar_path(out), about)
