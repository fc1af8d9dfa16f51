"""Fusing label maps: every map has a vote at every voxel."""

from __future__ import annotations

import numpy as np

CHUNK = 2**18
"""Disputed voxels that are decided at once."""


def vote(maps: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The label with the most votes at each voxel; of equals the lowest.

    `L(x) = argmax_l V_l(x)`, `V_l(x) = sum_i w_i(x) [L_i(x) = l]`. Without weights: majority vote. Voxels at which all
    maps agree cost one comparison.

    Args:
        maps: `(N, X, Y, Z)` integers, any numbers.
        weights: `(N, X, Y, Z)`, `w_i >= 0`, the sum over the maps positive; None for equal ones.

    Returns:
        The labels `(X, Y, Z)` in the type of the maps, and the share of the votes they got,
        `V_L(x) / sum_i w_i(x)` in (0, 1], float32.
    """
    labels, share = maps[0].copy(), np.ones(maps.shape[1:], np.float32)
    disputed = np.flatnonzero((maps[1:] != maps[0]).any(axis=0))
    votes = maps.reshape(len(maps), -1)
    heavy = None if weights is None else weights.reshape(len(maps), -1)
    for start in range(0, len(disputed), CHUNK):
        places = disputed[start : start + CHUNK]
        each = np.ones((len(maps), 1)) if heavy is None else heavy[:, places]
        labels.flat[places], share.flat[places] = _decided(votes[:, places], each)
    return labels, share


def _decided(votes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels `(M,)` and shares `(M,)` of votes `(N, M)`."""
    weights = np.broadcast_to(weights.astype(np.float64, copy=False), votes.shape)
    support = np.stack([weights.sum(axis=0, where=votes == label) for label in votes])  # V of each map's label
    most = support.max(axis=0)
    winners = np.where(support == most, votes, np.iinfo(votes.dtype).max)
    return winners.min(axis=0), most / weights.sum(axis=0)
