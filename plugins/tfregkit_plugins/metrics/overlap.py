"""Overlap of two label maps, for all structures at once."""

from __future__ import annotations

import numpy as np

from tfregkit_plugins.metrics.structures import Structures, label_indices, members


def structure_dice(fixed: np.ndarray, moved: np.ndarray, structures: Structures | None = None) -> dict[str, float]:
    """`2|A and B| / (|A| + |B|)` of each structure; NaN for a structure that the fixed map does not have.

    fixed, moved: integer arrays of one shape. Without `structures`, each label other than 0 is its own structure, named
    by its number. One pass makes the joint histogram of both maps; all structures are sums over it.
    """
    values, first, second = label_indices(fixed, moved)
    size = len(values)
    joint = np.bincount((first * size + second).ravel(), minlength=size * size).reshape(size, size)
    return {name: _dice(joint, wanted) for name, wanted in members(values, structures).items()}


def _dice(joint: np.ndarray, wanted: np.ndarray) -> float:
    truth, found = joint[wanted].sum(), joint[:, wanted].sum()  # |A|, |B|
    return float(2.0 * joint[np.ix_(wanted, wanted)].sum() / (truth + found)) if truth else float("nan")
