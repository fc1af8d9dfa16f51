"""Mutual information from its definition: float64, one voxel at a time."""

import itertools

import numpy as np


def soft_bins(value, bins=48, ratio=0.5, low=0.0, high=1.0):
    """The weights of one value for every bin; they add up to 1."""
    centres = np.linspace(low, high, bins)
    sigma = ratio * (centres[1] - centres[0])
    weights = np.exp(-((np.clip(value, low, high) - centres) ** 2) / (2 * sigma**2))
    return weights / weights.sum()


def joint_histogram(fixed, moved, weights=None, **rule):
    """The joint histogram of two images, each voxel counted by its weight; it adds up to 1."""
    fixed, moved = np.ravel(fixed).astype(np.float64), np.ravel(moved).astype(np.float64)
    weights = np.ones_like(fixed) if weights is None else np.ravel(weights).astype(np.float64)
    joint = 0
    for f, m, w in zip(fixed, moved, weights, strict=True):
        joint = joint + w * np.outer(soft_bins(f, **rule), soft_bins(m, **rule))
    return joint / weights.sum()


def entropy(p):
    p = p[p > 0]
    return -np.sum(p * np.log(p))


def mutual_information(fixed, moved, weights=None, normalised=False, **rule):
    """`H_a + H_b - H_ab`, or `(H_a + H_b) / H_ab`."""
    joint = joint_histogram(fixed, moved, weights, **rule)
    apart, together = entropy(joint.sum(1)) + entropy(joint.sum(0)), entropy(joint)
    return apart / together if normalised else apart - together


def patches(image, side, offset=None):
    """The pieces of `image` `(X, Y[, Z])` in cubes of `side` voxels, the first with its corner at `-offset`."""
    offset = offset or (0,) * image.ndim
    starts = [range(-o, size, side) for size, o in zip(image.shape, offset, strict=True)]
    for corner in itertools.product(*starts):
        yield image[tuple(slice(max(start, 0), start + side) for start in corner)]


def local_mutual_information(fixed, moved, weights=None, side=9, offset=None, **rule):
    """The mean over the patches that hold any weight."""
    weights = np.ones(fixed.shape) if weights is None else weights
    pieces = zip(*(patches(x, side, offset) for x in (fixed, moved, weights)), strict=True)
    return np.mean([mutual_information(f, m, w, **rule) for f, m, w in pieces if w.sum() > 0])
