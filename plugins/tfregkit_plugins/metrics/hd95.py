"""Hausdorff distance without the worst twentieth, per structure."""

from __future__ import annotations

import numpy as np

from tfregkit_plugins.metrics.surface import SurfaceDistances
from tfregkit_plugins.metrics.surface_metric import SurfaceMetric


class HD95(SurfaceMetric):
    """The larger of the 95th percentiles of the distances from the one and from the other surface, in mm.

    `max(p95_a d(a, B), p95_b d(b, A))`, not the percentile of both lists together. The percentile of voxels is linear
    between them; that of surface elements is the distance within which 95 % of the area lies.

    Args:
        structures: As in `hd`.
        labels: As in `hd`.
        convention: As in `hd`.

    Reference: Huttenlocher et al. 1993, doi:10.1109/34.232073; Nikolov et al. 2021, doi:10.2196/26151.
    """

    def distance(self, between: SurfaceDistances) -> float:
        return max(
            _percentile95(between.to_moved, between.fixed_areas), _percentile95(between.to_fixed, between.moved_areas)
        )


def _percentile95(distances: np.ndarray, areas: np.ndarray | None) -> float:
    if areas is None:
        return float(np.percentile(distances, 95))
    order = np.argsort(distances)
    share = np.cumsum(areas[order]) / areas.sum()
    return float(distances[order][min(np.searchsorted(share, 0.95), len(order) - 1)])
