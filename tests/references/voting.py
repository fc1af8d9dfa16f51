"""Votes of label maps from their definition: float64, one voxel at a time."""

import itertools

import numpy as np


def vote(maps, weights):
    """The label with the largest sum of weights at each voxel, of equals the lowest, and its share of the sum."""
    labels, share = np.empty(maps.shape[1:], maps.dtype), np.empty(maps.shape[1:])
    for place in itertools.product(*(range(size) for size in maps.shape[1:])):
        support = {}
        for label, weight in zip(maps[(slice(None), *place)], weights[(slice(None), *place)], strict=True):
            support[int(label)] = support.get(int(label), 0.0) + float(weight)
        labels[place] = min(support, key=lambda label: (-support[label], label))
        share[place] = max(support.values()) / sum(support.values())
    return labels, share
