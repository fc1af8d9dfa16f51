"""How much an atlas' vote weighs at each voxel."""

from __future__ import annotations

import numpy as np

from tfregkit.inference.local_correlation import squared_correlation

WIDTH_MM = 9.0
"""Of the window."""

POWER = 4
"""Of the squared correlation: how much better atlases count more."""

FLOOR = 1e-6
"""What a vote weighs at least, so that there are always votes to count."""


def local_weights(image: np.ndarray, moved: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """How much a registered atlas looks like the image around each voxel.

    `w(x) = cc(x)^4 + 1e-6`, `cc = cov(I, M)^2 / (var I * var M)` over a window of about 9 mm around x (along each axis
    the largest odd number of voxels that fits): `squared_correlation`. It is squared, so an atlas of another contrast,
    even a turned one, counts too.

    Args:
        image: `(X, Y, Z)`.
        moved: The atlas image on the same grid.
        spacing_mm: Voxel size along each axis.

    Returns:
        `(X, Y, Z)` float32.

    Reference: Artaechevarria et al. 2009, doi:10.1109/TMI.2009.2014372 (local weighted voting by a power of the local
    similarity; window and power as measured in docs/segmentation.md).
    """
    window = [2 * int(WIDTH_MM / 2 / step) + 1 for step in spacing_mm]
    return squared_correlation(image, moved, window) ** POWER + np.float32(FLOOR)
