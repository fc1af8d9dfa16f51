"""Hausdorff distance per structure."""

from __future__ import annotations

from tfregkit_plugins.metrics.surface import SurfaceDistances
from tfregkit_plugins.metrics.surface_metric import SurfaceMetric


class HD(SurfaceMetric):
    """The largest distance from either surface to the other: `max(max_a d(a, B), max_b d(b, A))`, in mm.

    One voxel out of place decides it; `hd95` is the robust one. A structure that is missing in either map has no value
    (NaN), and the summary counts it.

    Args:
        structures: JSON file that names structures and merges labels, as in `dice`.
        labels: The same mapping, written in the configuration itself. Without either, each label is a structure.
        convention: What a surface consists of: `voxel` (the mask minus its erosion, all voxels alike) or `surfel`
            (cells of marching cubes, weighted by their areas).

    Reference: Huttenlocher et al. 1993, doi:10.1109/34.232073.
    """

    def distance(self, between: SurfaceDistances) -> float:
        return float(max(between.to_moved.max(), between.to_fixed.max()))
