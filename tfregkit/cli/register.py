"""`tfregkit register`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfregkit.cli.lambdas import Lambdas, at_lambda
from tfregkit.cli.options import FILE, affine_fit, refine_option, run_option, start_options, tile_options
from tfregkit.lambdas import with_lambda

IMAGES = ("moved", "warp", "inverse_warp", "moved_labels")


@click.command("register")
@click.argument("moving", type=FILE, required=False)
@click.argument("fixed", type=FILE, required=False)
@run_option
@click.option("--moved", type=FILE, help="Write the moving image on the fixed image's grid.")
@click.option("--warp", type=FILE, help="Write the warp on the fixed image's grid (and its JSON sidecar).")
@click.option("--inverse-warp", type=FILE, help="Write the inverse warp on the moving image's grid.")
@click.option(
    "--warp-format",
    type=click.Choice(["ants", "nifti", "voxel"]),
    default="ants",
    show_default=True,
    help="ants: LPS mm, intent 1007, for ITK, ANTs, Slicer; nifti: RAS mm, intent 1006; voxel: Learn2Reg.",
)
@click.option("--moving-labels", type=FILE, help="A label map of the moving image ...")
@click.option("--moved-labels", type=FILE, help="... to be written on the fixed image's grid.")
@click.option(
    "--lambda",
    "lam",
    type=Lambdas(),
    metavar="L1[,L2...]",
    help="Regularity in [0, 1], for a network conditioned on it; several, or paper17, in one go: their files get "
    "_lambda0.05 and so on in their names. Default: the one `tfregkit sweep` chose for the run.",
)
@start_options
@click.option("--save-affine", type=FILE, help="Write the affine start as an ITK file (.tfm).")
@refine_option
@tile_options
@click.option("--moving-mask", type=FILE, help="For runs whose normalisation looks at masks.")
@click.option("--fixed-mask", type=FILE, help="The same for the fixed image.")
@click.option(
    "--pairs", "table", type=FILE, help="CSV with the columns moving, fixed[, moving_labels, ...]; many pairs."
)
@click.option("--out-dir", type=FILE, help="Folder for the files of --pairs.")
def command(
    moving: Path | None, fixed: Path | None, run_dir: Path, table: Path | None, out_dir: Path | None, **options: Any
) -> int:
    """Register MOVING to FIXED with a trained network, or a table of pairs.

    The images may lie on any two grids: other sizes, spacings, orientations. They are matched in world space (mm), and
    results are written on their own grids. Headers that share no space need an affine start.

    With --pairs, files are named <moving>_to_<fixed>_moved.nii.gz and so on; registrations.csv lists what became of
    each pair. A pair that cannot be used is reported and the others go on; the exit code is then 1.

    \b
    tfregkit register --model runs/x moving.nii.gz fixed.nii.gz --moved moved.nii.gz --warp warp.nii.gz
    tfregkit register --model runs/x a.nii.gz b.nii.gz --moved m.nii.gz --init moments --affine --refine 50
    tfregkit register --model runs/x a.nii.gz b.nii.gz --moved m.nii.gz --lambda 0.05,0.1
    tfregkit register --model runs/x a.nii.gz b.nii.gz --moved m.nii.gz --tile 128
    tfregkit register --model runs/x --pairs pairs.csv --out-dir registered
    """
    start = {key: options.pop(key) for key in ("lam", "init", "refine")}
    tiles = [options.pop(key) for key in ("tile", "tile_overlap", "stitcher", "tile_weights")]
    start["affine"] = affine_fit(options.pop("affine"), options.pop("affine_similarity"))
    if start["lam"] is not None and len(start["lam"]) == 1:
        start["lam"] = start["lam"][0]
    if table is None:
        _check_single(moving, fixed, out_dir, options, start)
    else:
        _check_table(moving, out_dir, options)
    from tfregkit.inference.registration import load_run
    from tfregkit.inference.tiling import Tiling

    registration = load_run(run_dir)
    start["tile"] = Tiling.of(*tiles)
    if table is None:
        return _single(registration, moving, fixed, start, options)
    return _table(registration, table, out_dir, start, options["warp_format"])


def _check_single(
    moving: Path | None, fixed: Path | None, out_dir: Path | None, options: dict[str, Any], start: dict[str, Any]
) -> None:
    """Refuse what cannot work before anything slow is done."""
    from tfregkit.data.writing import check_nifti_name
    from tfregkit.inference.affine_file import check_affine_name
    from tfregkit.inference.warps import sidecar_path

    images = [options[name] for name in IMAGES if options[name]]
    named = [with_lambda(path, lam) for path in images for lam in _several(start["lam"])]
    outputs = [*named, *([options["save_affine"]] if options["save_affine"] else [])]
    if moving is None or fixed is None:
        raise click.UsageError("Give MOVING and FIXED, or --pairs with --out-dir.")
    if out_dir is not None:
        raise click.UsageError("--out-dir belongs to --pairs; name the files with --moved and --warp.")
    if not outputs:
        raise click.UsageError(
            "Nothing to write: give --moved, --warp, --inverse-warp, --moved-labels or --save-affine."
        )
    if (options["moving_labels"] is None) != (options["moved_labels"] is None):
        raise click.UsageError("--moving-labels and --moved-labels belong together.")
    for path in images:
        check_nifti_name(path)
    if options["save_affine"]:
        check_affine_name(options["save_affine"])
    read = (moving, fixed, *(options[name] for name in ("moving_labels", "moving_mask", "fixed_mask")))
    inputs = {path.resolve() for path in (*read, start["init"] and Path(start["init"])) if path}
    for path in outputs:
        if path.resolve() in inputs:
            raise click.UsageError(f"{path} is an input; it would be overwritten.")
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise click.UsageError("Two outputs have the same name.")
    warp, inverse = options["warp"], options["inverse_warp"]
    if warp and inverse and sidecar_path(warp.resolve()) == sidecar_path(inverse.resolve()):
        sidecar = sidecar_path(warp).name
        raise click.UsageError(f"{warp} and {inverse} would share the sidecar {sidecar}: give them different names.")


def _check_table(moving: Path | None, out_dir: Path | None, options: dict[str, Any]) -> None:
    if moving is not None or out_dir is None:
        raise click.UsageError("--pairs needs --out-dir, and no MOVING and FIXED.")
    single = [name for name, value in options.items() if value is not None and name != "warp_format"]
    if single:
        names = ", ".join("--" + name.replace("_", "-") for name in single)
        raise click.UsageError(f"{names}: for one pair only. With --pairs, labels and masks are columns of the table.")


def _several(lam: float | tuple[float, ...] | None) -> tuple[float | None, ...]:
    """The lambdas that go into the names of files: none for a single one."""
    return lam if isinstance(lam, tuple) else (None,)


def _single(registration: Any, moving: Path, fixed: Path, start: dict[str, Any], options: dict[str, Any]) -> int:
    from tfregkit.cli.steps import StepBars
    from tfregkit.inference.affine_file import write_affine

    masks = {name: options[name] for name in ("moving_mask", "fixed_mask")}
    with StepBars() as bars:
        results = registration.register_each(moving, fixed, **start, **masks, progress=bars)
        for lam, result in zip(_several(start["lam"]), results, strict=True):
            _write(result, lam, options)
    if options["save_affine"] is not None:
        write_affine(options["save_affine"], result.initial.parts[0])
        click.echo(f"  {options['save_affine']}")
    return 0


def _write(result: Any, lam: float | None, options: dict[str, Any]) -> None:
    """The files of one lambda, and a line about them."""
    from tfregkit.data.volume import save_image

    paths = {name: options[name] and with_lambda(options[name], lam) for name in IMAGES}
    labels = result.moved_labels(options["moving_labels"]) if options["moving_labels"] else None
    result.save(**{name: paths[name] for name in IMAGES[:3]}, warp_format=options["warp_format"])
    if labels is not None:
        save_image(labels, paths["moved_labels"])
    deformation, seconds = result.about["deformation"], sum(result.seconds.values())
    where = at_lambda(result.about["lambda"], result.about["lambda_from"])
    tiles = _tiles(result.about["tiles"])
    click.echo(f"Registered in {seconds:.1f} s{where}; folds {deformation['folds_percent']:.3g} %{tiles}.")
    for path in paths.values():
        if path is not None:
            click.echo(f"  {path}")


def _tiles(about: dict[str, Any] | None) -> str:
    """How many tiles there were, and how much can be seen of their borders."""
    if about is None:
        return ""
    seam = "" if about["seam"] is None else f", seam {about['seam']:.3g}"
    return f"; {'x'.join(map(str, about['number']))} tiles{seam}"


def _table(registration: Any, table: Path, out_dir: Path, start: dict[str, Any], warp_format: str) -> int:
    from tfregkit.data.tables import read_pairs
    from tfregkit.inference.batch import register_pairs

    pairs = read_pairs(table, check_files=False)
    lambdas, origin = registration.lambdas(start["lam"])
    if origin == "sweep":
        click.echo(f"Registering{at_lambda(lambdas[0], origin)}.")

    def tell(outcome: Any) -> None:
        failed = outcome.status == "failed"
        click.echo(f"{outcome.name}: {outcome.message if failed else f'{outcome.seconds:.1f} s'}", err=failed)

    outcomes = register_pairs(registration, pairs, out_dir, warp_format=warp_format, each=tell, **start)
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    click.echo(f"{len(outcomes) - failed} of {len(outcomes)} pairs registered: {out_dir}")
    return 1 if failed else 0
