"""What the sidecar of a warp tells about where it came from."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from tfregkit.data.volume import Grid, Volume
from tfregkit.inference.layout import Layout
from tfregkit.ops import jacobian_determinant
from tfregkit.ops.seam import seam_ratio

PACKAGES = ("tfregkit", "keras", "tensorflow", "numpy", "scipy", "nibabel")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def describe_image(volume: Volume) -> dict[str, Any]:
    """An input: its file and hash (null for one from memory), and its grid."""
    known = volume.path is not None and volume.path.is_file()
    return {
        "path": str(volume.path.absolute()) if known else None,
        "sha256": sha256(volume.path) if known else None,
        "grid": describe_grid(volume.grid),
    }


def describe_grid(grid: Grid) -> dict[str, Any]:
    """Shape and affine (voxel to RAS mm)."""
    return {"shape": list(grid.shape), "affine_ras_mm": grid.affine.tolist()}


def describe_field(displacement: np.ndarray, layout: Layout, stitcher: str | None) -> dict[str, Any]:
    """What came out, and how it was put together.

    Args:
        displacement: `(X, Y, Z, 3)` in voxels.
        layout: The tiles it was made of.
        stitcher: What put them together, if any.

    Returns:
        `deformation`: the smallest Jacobian determinant and the share of folds; `tiles`: sizes, numbers and the jumps
        at their borders (`ops.seam.seam_ratio`; None where undefined), None for a single one.
    """
    determinant = ops.convert_to_numpy(jacobian_determinant(displacement[None]))
    folds = {"jacobian_min": float(determinant.min()), "folds_percent": float(100 * np.mean(determinant <= 0))}
    tiles = describe_tiles(layout)
    if tiles is None:
        return {"deformation": folds, "tiles": None}
    seam = float(ops.convert_to_numpy(seam_ratio(displacement[None], layout.borders()))[0])
    seam = seam if np.isfinite(seam) else None
    return {"deformation": folds, "tiles": {**tiles, "stitcher": stitcher, "seam": seam}}


def describe_tiles(layout: Layout) -> dict[str, Any] | None:
    """Sizes and numbers of the tiles along each axis, and how they are blended, if they are; None for a single one."""
    if not any(layout.borders()):
        return None
    sizes = {"size": list(layout.tile), "overlap": list(layout.overlap), "number": list(layout.counts)}
    return {**sizes, "weights": layout.weights if any(layout.overlap) else None}


def versions() -> dict[str, str]:
    """The packages that made the warp."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
