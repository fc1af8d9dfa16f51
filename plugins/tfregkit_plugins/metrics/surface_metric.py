"""What the distances between surfaces have in common."""

from __future__ import annotations

from pathlib import Path

from tfregkit.api import Case, Metric
from tfregkit_plugins.metrics.structures import chosen_structures, with_mean
from tfregkit_plugins.metrics.surface import Convention, SurfaceDistances, surface_distances


class SurfaceMetric(Metric):
    """A distance in mm between the fixed and the moved surface of each structure, and their mean.

    A structure that is missing in either map has no value (NaN): not 0, and not infinite. It is left out of the mean,
    and the summary counts it. Distances are those between places in the world, whatever the fixed image's grid.

    The parameters are those of `hd`.
    """

    better = "lower"
    unit = "mm"
    compares_labels = True

    def __init__(
        self,
        *,
        structures: Path | None = None,
        labels: dict[str, int | list[int]] | None = None,
        convention: Convention = "voxel",
    ) -> None:
        self.structures = structures
        self.labels = labels
        self.convention = convention
        self._merged = chosen_structures(type(self).__name__.lower(), structures, labels)

    def __call__(self, case: Case) -> dict[str, float]:
        """`{"": mean over the structures, name: distance, ...}`; empty when the pair has no labels."""
        if case.fixed_labels is None or case.moved_labels is None:
            return {}
        found = surface_distances(case, self._merged, self.convention)
        return with_mean({name: float("nan") if one is None else self.distance(one) for name, one in found.items()})

    def distance(self, between: SurfaceDistances) -> float:
        """The number that stands for a structure."""
        raise NotImplementedError
