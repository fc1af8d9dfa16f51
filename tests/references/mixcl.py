"""MixCL's losses and its drawing of voxels in float64, from their equations, in plain loops."""

import numpy as np


def cross_correlation(first, second, center=True):
    """Equation 5 of `(M, C)` rows; centred, the correlation matrix."""
    x, y = first.astype(np.float64), second.astype(np.float64)
    if center:
        x, y = x - x.mean(0), y - y.mean(0)
    channels = x.shape[1]
    matrix = np.zeros((channels, channels))
    for i in range(channels):
        for j in range(channels):
            matrix[i, j] = (x[:, i] * y[:, j]).sum() / np.sqrt((x[:, i] ** 2).sum()) / np.sqrt((y[:, j] ** 2).sum())
    return matrix


def identity_loss(levels, balance, center=True):
    """Equation 4, with `C_ij` in the second sum, of pairs of `(M, C)` rows."""
    total = 0.0
    for first, second in levels:
        matrix = cross_correlation(first, second, center)
        for i, row in enumerate(matrix):
            total += sum((1 - value) ** 2 if i == j else balance * value**2 for j, value in enumerate(row))
    return total


def relation(first, second):
    """A of figure 2 (d): 1, 0, or None for pairs that are not looked at."""
    matrix = np.full((len(first), len(second)), None, object)
    for i, one in enumerate(first.tolist()):
        for j, other in enumerate(second.tolist()):
            if -1 in (one, other) or one == other == 0:
                continue
            matrix[i, j] = int(one == other)
    return matrix


def label_loss(first, second, first_classes, second_classes, temperature, reduction="global"):
    """Equation 6 of one item, with Z_2 where it prints Z_1 for the second patch, and its two variants."""
    x, y = (rows.astype(np.float64) / np.linalg.norm(rows, axis=-1, keepdims=True) for rows in (first, second))
    similarity, matrix = x @ y.T / temperature, relation(first_classes, second_classes)
    if reduction == "global":
        anchors = [[(i, j) for i, j in np.ndindex(matrix.shape)]]
    else:
        anchors = [[(i, j) for j in range(len(y))] for i in range(len(x))]
    losses = []
    for pairs in anchors:
        positive = [np.exp(similarity[pair]) for pair in pairs if matrix[pair] == 1]
        negative = [np.exp(similarity[pair]) for pair in pairs if matrix[pair] == 0]
        if not positive or not negative:
            continue
        everything = sum(positive) + sum(negative)
        if reduction == "supcon_out":
            losses.append(np.mean([-np.log(value / everything) for value in positive]))
        else:
            losses.append(-np.log(sum(positive) / everything))
    return float(np.mean(losses)) if losses else 0.0


def distances(mask):
    """For every voxel of a mask the distance to the nearest voxel outside of it, by looking at all of them."""
    outside = np.argwhere(~mask)
    found = np.zeros(mask.shape)
    for place in np.argwhere(mask):
        found[tuple(place)] = np.sqrt(((outside - place) ** 2).sum(1)).min() if len(outside) else np.inf
    return found


def weights(distance, mu, epsilon):
    """Equation 7."""
    return 0.5 * np.sqrt(distance) * np.exp(-distance / mu) + epsilon
