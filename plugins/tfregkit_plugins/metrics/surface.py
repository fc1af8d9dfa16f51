"""Distances between the surfaces of structures in two label maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
from scipy.ndimage import binary_erosion, correlate, find_objects
from scipy.spatial import KDTree

from tfregkit.api import Case
from tfregkit_plugins.metrics.structures import Structures, label_indices, members

Convention = Literal["voxel", "surfel"]
"""What a surface consists of.

`voxel`: the voxels of the structure with a face neighbour outside it (the mask minus its erosion), all of one weight.
`surfel`: the cells between 2x2x2 voxels that the surface passes through, weighted by the area that marching cubes gives
it in each, from the tables of DeepMind's `surface-distance`. What lies beyond the image is outside.
"""


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """The distance in mm from each element of either surface to the nearest element of the other.

    to_moved: `(n,)`, from the elements of the fixed surface. to_fixed: `(m,)`, from those of the moved one.
    fixed_areas, moved_areas: `(n,)` and `(m,)` in mm^2; None where all elements count alike.
    """

    to_moved: np.ndarray
    to_fixed: np.ndarray
    fixed_areas: np.ndarray | None = None
    moved_areas: np.ndarray | None = None


_known: WeakKeyDictionary[Case, dict[tuple[str, str], dict[str, SurfaceDistances | None]]] = WeakKeyDictionary()


def surface_distances(
    case: Case, structures: Structures | None, convention: Convention
) -> dict[str, SurfaceDistances | None]:
    """The distances between the fixed and the moved surface of each structure; None where either map lacks it.

    They are kept as long as the case is, so that several metrics of a pair work them out once.
    """
    kept = _known.setdefault(case, {})
    key = convention, str(structures)
    if key not in kept:
        kept[key] = _distances(case, structures, convention)
    return kept[key]


def _distances(case: Case, structures: Structures | None, convention: Convention) -> dict[str, SurfaceDistances | None]:
    values, *maps = label_indices(case.fixed_labels, case.moved_labels)
    boxes = [find_objects(indices + 1, len(values)) for indices in maps]  # of each label value; None where absent
    matrix = case.affine[:3, :3]
    areas = _cell_areas(matrix) if convention == "surfel" else None
    found: dict[str, SurfaceDistances | None] = {}
    for name, wanted in members(values, structures).items():
        fixed, moved = (
            _surface(indices, wanted, [box for box, known in zip(each, wanted, strict=True) if known and box], areas)
            for indices, each in zip(maps, boxes, strict=True)
        )
        found[name] = fixed and moved and _between(fixed, moved, matrix)
    return found


Surface = tuple[np.ndarray, np.ndarray | None]
"""Elements `(n, 3)` in voxels (cells: of their upper corner's voxel) and their areas `(n,)` in mm^2."""


def _surface(
    indices: np.ndarray, wanted: np.ndarray, boxes: list[tuple[slice, ...]], areas: np.ndarray | None
) -> Surface | None:
    """The surface of one structure in one map, worked out within its bounding box; None where it is absent."""
    if not boxes:
        return None
    box = tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*boxes, strict=True))
    mask = np.pad(wanted[indices[box]], 1)
    offset = [axis.start - 1 for axis in box]
    if areas is None:
        return np.argwhere(mask & ~binary_erosion(mask)) + offset, None
    codes = _cell_codes(mask)
    cells = np.argwhere((codes > 0) & (codes < 255))
    return cells + offset, areas[codes[tuple(cells.T)]]


def _between(fixed: Surface, moved: Surface, matrix: np.ndarray) -> SurfaceDistances:
    """Nearest elements in the world: exact on any grid, oblique, anisotropic or sheared."""
    (first, first_areas), (second, second_areas) = fixed, moved
    first, second = first @ matrix.T, second @ matrix.T
    trees = [KDTree(points, balanced_tree=False, compact_nodes=False) for points in (first, second)]  # quick to build
    return SurfaceDistances(trees[1].query(first)[0], trees[0].query(second)[0], first_areas, second_areas)


def _cell_codes(mask: np.ndarray) -> np.ndarray:
    """Which corners of each 2x2x2 cell are inside, as 8 bits; entry `p` is the cell of the voxels `p - 1` and `p`."""
    from surface_distance.lookup_tables import ENCODE_NEIGHBOURHOOD_3D_KERNEL

    return correlate(mask.astype(np.uint8), ENCODE_NEIGHBOURHOOD_3D_KERNEL, mode="constant")


def _cell_areas(matrix: np.ndarray) -> np.ndarray:
    """Area in mm^2 of the surface in a cell, by its code `(256,)`, for voxels of the sizes in the matrix's columns."""
    from surface_distance.lookup_tables import create_table_neighbour_code_to_surface_area

    return create_table_neighbour_code_to_surface_area(np.linalg.norm(matrix, axis=0))
