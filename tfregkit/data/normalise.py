"""Intensity normalisation, one scan at a time; the same for training and inference."""

from __future__ import annotations

import numpy as np

from tfregkit.data.settings import NormalisationSettings
from tfregkit.errors import DataError


def normalise(image: np.ndarray, settings: NormalisationSettings, mask: np.ndarray | None = None) -> np.ndarray:
    """`(image - offset) / scale`, clipped to [0, 1] for `minmax` and `window`.

    Normalise the scan as stored, before it is resampled or padded: then the result does not depend on the grid.
    A scan that is constant where the statistics look is mapped to 0 there (`scale` is then taken as 1).

    Args:
        image: `(X, Y, Z)` finite values.
        settings: The mode and its parameters.
        mask: `(X, Y, Z)`, where the statistics look if `region` is `mask`; ignored otherwise.

    Returns:
        `(X, Y, Z)` float32, never the same memory as `image`.

    Raises:
        DataError: If `region` is `mask` and there is no mask, or it is empty.
    """
    values = image.astype(np.float32)
    if settings.mode == "none":
        return values
    if settings.mode == "window":
        low, high = settings.window
    elif settings.mode == "minmax":
        low, high = np.percentile(_region(values, settings, mask), settings.percentiles)
    else:
        region = _region(values, settings, mask)
        low = region.mean(dtype=np.float64)
        high = low + region.std(dtype=np.float64)
    scale = float(high) - float(low)
    values -= np.float32(low)
    values /= np.float32(scale if scale > 1e-12 * max(abs(float(low)), abs(float(high)), 1e-12) else 1.0)
    return values if settings.mode == "zscore" else np.clip(values, 0.0, 1.0, out=values)


def _region(values: np.ndarray, settings: NormalisationSettings, mask: np.ndarray | None) -> np.ndarray:
    """The voxels the statistics look at, flat; all of them where the foreground is empty."""
    if settings.region == "all":
        return values.ravel()
    if settings.region == "mask":
        if mask is None:
            raise DataError(
                "`normalisation.region: mask` needs a mask for every scan. Give masks, or use `region: foreground`."
            )
        if not (mask > 0).any():
            raise DataError("the mask is empty, so `normalisation.region: mask` has no voxels to look at.")
        return values[mask > 0]
    foreground = values[values > values.min()]
    return foreground if foreground.size else values.ravel()
