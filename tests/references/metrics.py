"""The evaluation formulas once more: float64, loops, nothing shared with the product."""

import itertools
import math

import numpy as np


def dice(fixed, moved, members):
    """2|A and B| / (|A| + |B|), voxel by voxel."""
    both = total = 0
    for a, b in zip(fixed.ravel().tolist(), moved.ravel().tolist(), strict=True):
        both += (a in members) and (b in members)
        total += (a in members) + (b in members)
    return 2.0 * both / total if total else math.nan


def determinant(displacement, scheme):
    """det(I + du/dx) by one 3 x 3 determinant a voxel."""
    u = np.asarray(displacement, np.float64)
    sizes = u.shape[:-1]
    shape = sizes if scheme == "central" else tuple(n - 1 for n in sizes)
    result = np.empty(shape)
    for p in itertools.product(*map(range, shape)):
        matrix = np.eye(len(sizes))
        for axis in range(len(sizes)):
            low, high = list(p), list(p)
            high[axis] = min(p[axis] + 1, sizes[axis] - 1)
            if scheme == "central":
                low[axis] = max(p[axis] - 1, 0)
            step = high[axis] - low[axis]
            matrix[:, axis] += (u[tuple(high)] - u[tuple(low)]) / step
        result[p] = np.linalg.det(matrix)
    return result


def local_ncc(fixed, moved, window):
    """Mean over voxels of the squared correlation in a window, padded with each image's mean."""
    f, m = (np.asarray(i, np.float64) - np.mean(i, dtype=np.float64) for i in (fixed, moved))
    half = window // 2
    f_padded, m_padded = np.pad(f, half), np.pad(m, half)
    total = 0.0
    for p in itertools.product(*map(range, f.shape)):
        box = tuple(slice(i, i + window) for i in p)
        a, b = f_padded[box], m_padded[box]
        var_a, var_b = a.var(), b.var()
        if var_a > 1e-5 * f.var() and var_b > 1e-5 * m.var():
            total += np.mean((a - a.mean()) * (b - b.mean())) ** 2 / (var_a * var_b)
    return total / f.size
