"""Average symmetric surface distance per structure."""

from __future__ import annotations

import numpy as np

from tfregkit_plugins.metrics.surface import SurfaceDistances
from tfregkit_plugins.metrics.surface_metric import SurfaceMetric


class ASSD(SurfaceMetric):
    """The mean distance from the elements of both surfaces, pooled, to the other surface, in mm.

    `(sum_a w_a d(a, B) + sum_b w_b d(b, A)) / (sum_a w_a + sum_b w_b)`: the weights `w` are 1 for `convention: voxel`
    (`assd_voxel`) and the areas for `surfel` (`assd_surfel`). A cube of 8 voxels shifted by 3 has 1.122 and 1.083, so
    name the convention beside the numbers.

    Args:
        structures: As in `hd`.
        labels: As in `hd`.
        convention: As in `hd`.

    Reference: Heimann et al. 2009, doi:10.1109/TMI.2009.2013851; Nikolov et al. 2021, doi:10.2196/26151.
    """

    def distance(self, between: SurfaceDistances) -> float:
        distances = np.concatenate([between.to_moved, between.to_fixed])
        if between.fixed_areas is None or between.moved_areas is None:
            return float(distances.mean())
        return float(np.average(distances, weights=np.concatenate([between.fixed_areas, between.moved_areas])))
