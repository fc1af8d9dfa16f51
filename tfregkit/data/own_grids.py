"""Each scan on a grid of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfregkit.data.base import Subject
from tfregkit.data.grid import Grid, on_voxels_of, working_grid
from tfregkit.data.prepare import shared_spacing
from tfregkit.data.settings import GridSettings
from tfregkit.data.volume import read_grid


class OwnGrids:
    """Grids of one spacing, each over its scan's field of view, axes along R, A, S, from headers alone.

    A field of view smaller than the crop is padded up to it on both sides. A scan whose axes and spacing the grid has
    is not interpolated: the grid lies on its voxels.

    Args:
        scans: All scans.
        settings: Their spacing.
        crop: The least shape.

    Raises:
        DataError: If the scans' spacings differ and `settings` gives none.
    """

    def __init__(self, scans: Sequence[Subject], settings: GridSettings, crop: Sequence[int]) -> None:
        own = {scan.image: read_grid(scan.image) for scan in scans}
        self.crop, self.spacing = tuple(crop), settings.spacing or shared_spacing(own)
        self.padded: list[str] = []
        self._grids = {}
        for scan in scans:
            if scan.image in self._grids:
                continue
            grid = working_grid(own[scan.image], self.spacing)
            if any(size < least for size, least in zip(grid.shape, crop, strict=True)):
                self.padded.append(scan.id)
                grid = working_grid(own[scan.image], self.spacing, shape=np.maximum(grid.shape, crop))
            self._grids[scan.image] = on_voxels_of(own[scan.image], grid)

    def of(self, scan: Subject) -> Grid:
        """The scan's grid."""
        return self._grids[scan.image]

    def of_crops(self) -> Grid:
        """What a batch sees: the crop's shape and the spacing, somewhere."""
        return Grid(self.crop, np.diag([*np.broadcast_to(self.spacing, 3), 1.0]))

    def padding(self) -> str:
        """Which scans are padded, for the console; empty if none is."""
        if not self.padded:
            return ""
        more = f" and {len(self.padded) - 5} more" if len(self.padded) > 5 else ""
        return (
            f"padded up to the crop {'x'.join(map(str, self.crop))}, which is larger than the scan: "
            f"{', '.join(self.padded[:5])}{more}"
        )
