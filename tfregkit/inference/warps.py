"""Warps on disk: three forms, each with a JSON sidecar. What they mean is written in `docs/warps.md`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np

from tfregkit.data.grid import Grid
from tfregkit.data.volume import read_field, save_image
from tfregkit.errors import DataError
from tfregkit.files import write_json
from tfregkit.inference.field import Field, lattice

WarpForm = Literal["ants", "nifti", "voxel"]
CONVENTIONS = {
    "ants": "5-D, intent 1007 (vector), displacements in mm, LPS, as ITK and ANTs read and write them",
    "nifti": "5-D, intent 1006 (displacement vector), displacements in mm, RAS",
    "voxel": "4-D (X, Y, Z, 3), displacements in voxels of this grid along its array axes, as Learn2Reg's",
}
INTENTS = {"ants": 1007, "nifti": 1006, "voxel": 0}
LPS = np.array([-1.0, -1.0, 1.0], dtype=np.float32)


def check_form(form: str, grid: Grid, name: str) -> None:
    """Refuse a form that cannot hold the warp, before any work is done.

    Raises:
        DataError: For an unknown form, or `ants` on a grid whose axes are not at right angles, which ITK cannot read.
    """
    if form not in CONVENTIONS:
        raise DataError(f"a warp's form is one of {', '.join(CONVENTIONS)}. Received: {form!r}")
    if form == "ants" and not grid.orthogonal:
        raise DataError(
            f"{name}: the axes of the grid are not at right angles, which ITK and ANTs cannot represent. "
            "Write the warp with `--warp-format nifti` or `voxel`."
        )


def warp_image(places_mm: np.ndarray, grid: Grid, form: WarpForm = "ants") -> nib.Nifti1Image:
    """The whole transform as one displacement field on a grid: `T(x) - x`, affine start included.

    Args:
        places_mm: `(3, X, Y, Z)` RAS mm: where every voxel of `grid` goes, `Transform.on_grid`.
        grid: The grid of the image whose space it starts from: the fixed one's for a warp, the moving one's for an
            inverse warp.
        form: `ants`, `nifti` or `voxel`.

    Returns:
        A float32 NIfTI image: `(X, Y, Z, 1, 3)`, or `(X, Y, Z, 3)` for `voxel`.
    """
    check_form(form, grid, "the warp")
    vectors_mm = places_mm - lattice(grid.affine, grid.shape)
    if form == "voxel":
        data = Field(grid, vectors_mm).to_voxels()
    else:
        data = np.moveaxis(vectors_mm, 0, -1)[:, :, :, None, :]
        if form == "ants":
            data = data * LPS
    image = nib.Nifti1Image(np.ascontiguousarray(data), grid.affine)
    image.set_sform(grid.affine, 1)
    image.set_qform(grid.affine, 1 if grid.orthogonal else 0)
    image.header.set_xyzt_units("mm")
    if INTENTS[form]:
        image.header.set_intent(INTENTS[form])
    return image


def sidecar_path(path: str | Path) -> Path:
    """`a/warp.nii.gz` has the sidecar `a/warp.json`."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def write_warp(path: str | Path, image: nib.Nifti1Image, form: WarpForm, about: dict[str, Any]) -> None:
    """Write a warp and, beside it, its sidecar: the convention, and what `about` tells."""
    save_image(image, path)
    write_json(sidecar_path(path), {"form": form, "convention": CONVENTIONS[form], **about})


def read_warp(path: str | Path) -> Field:
    """Read a warp in any of the three forms, ours or another program's.

    The header says which: intent 1007 is `ants`, 1006 is `nifti`, four dimensions without intent are `voxel`.

    Raises:
        DataError: If the file is none of them, or its sidecar contradicts its header.
    """
    data, grid, intent = read_field(path)
    if data.ndim == 5 and intent in (1006, 1007):
        form = "ants" if intent == 1007 else "nifti"
    elif data.ndim == 4 and intent == 0:
        form = "voxel"
    else:
        raise DataError(
            f"{path}: is no warp this program knows (shape {data.shape}, intent {intent}). Expected "
            "(X, Y, Z, 1, 3) with intent 1007 (LPS mm) or 1006 (RAS mm), or (X, Y, Z, 3) without intent (voxels)."
        )
    _check_sidecar(path, form)
    if form == "voxel":
        return Field.from_voxels(grid, data)
    vectors = data[:, :, :, 0, :] * LPS if form == "ants" else data[:, :, :, 0, :]
    return Field(grid, np.ascontiguousarray(np.moveaxis(vectors, -1, 0), dtype=np.float32))


def _check_sidecar(path: str | Path, form: str) -> None:
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return
    try:
        said = json.loads(sidecar.read_text(encoding="utf-8")).get("form", form)
    except (ValueError, AttributeError) as error:
        raise DataError(f"{sidecar}: is not the sidecar of a warp ({error}).") from error
    if said != form:
        raise DataError(f"{path}: the header says the form `{form}`, its sidecar {sidecar.name} says `{said}`.")
