"""Distances between surfaces once more: loops over voxels and the full matrix of distances, float64."""

import itertools
import math

import numpy as np


def surface(mask):
    """Voxels of the mask with one of six neighbours outside it, `(n, 3)`; beyond the array is outside."""
    found = []
    for voxel in itertools.product(*map(range, mask.shape)):
        if not mask[voxel]:
            continue
        for axis, step in itertools.product(range(mask.ndim), (-1, 1)):
            other = list(voxel)
            other[axis] += step
            if not 0 <= other[axis] < mask.shape[axis] or not mask[tuple(other)]:
                found.append(voxel)
                break
    return np.array(found, np.float64)


def directed(first, second, matrix):
    """From each surface voxel of one mask to the nearest of the other, in mm, and back."""
    a, b = (surface(mask) @ np.asarray(matrix, np.float64).T for mask in (first, second))
    all_pairs = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    return all_pairs.min(1), all_pairs.min(0)


def hd(there, back):
    return max(there.max(), back.max())


def hd95(there, back):
    return max(_percentile(there, 0.95), _percentile(back, 0.95))


def assd(there, back):
    return (there.sum() + back.sum()) / (len(there) + len(back))


def block_area(size, spacing):
    """Area of the marching-cubes surface around a block of voxels: flat sides, bevelled edges, cut corners.

    The surface lies halfway between the outermost voxels inside and their neighbours outside.
    """
    s = np.asarray(spacing, np.float64)
    spans = [(n - 1) * mm for n, mm in zip(size, s, strict=True)]  # between the centres of the outermost voxels
    total = 0.0
    for axis in range(3):
        one, two = (k for k in range(3) if k != axis)
        total += 2 * spans[one] * spans[two]
        total += 4 * spans[axis] * math.hypot(s[one] / 2, s[two] / 2)
    legs = np.diag(s / 2)
    return total + 8 * np.linalg.norm(np.cross(legs[1] - legs[0], legs[2] - legs[0])) / 2


def _percentile(values, share):
    """Linear between the order statistics, the first at 0 and the last at 1."""
    ordered = sorted(values.tolist())
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
