"""The contrastive loss in float64, from its equation."""

import numpy as np


def info_nce(queries, keys, temperature):
    """One item: `queries` `(n, d)`, `keys` `(m, d)`, key i the positive of query i."""
    losses = []
    for i, query in enumerate(queries.astype(np.float64)):
        scores = [float(query @ key) / temperature for key in keys.astype(np.float64)]
        largest = max(scores)
        total = sum(np.exp(score - largest) for score in scores)
        losses.append(-(scores[i] - largest - np.log(total)))
    return float(np.mean(losses))


def head(rows, layers):
    """An MLP with ReLU between its `(kernel, bias)` layers, then rows of length 1."""
    for i, (kernel, bias) in enumerate(layers):
        rows = rows.astype(np.float64) @ kernel + bias
        rows = np.maximum(rows, 0) if i < len(layers) - 1 else rows
    return rows / np.sqrt(np.maximum((rows**2).sum(-1, keepdims=True), 1e-12))


def nt_xent(pairs, temperature, persons=None, negatives=None):
    """`(B, 2)` losses of `pairs` `(B, 2, d)`; `negatives(a, b)` says whether image b is a negative of image a.

    Without it, and with `persons` `(B, 2)`, negatives are images of other persons, none of whom is a partner of a's.
    """
    images = [(i, k) for i in range(len(pairs)) for k in (0, 1)]
    if negatives is None:
        partners = [] if persons is None else [(row[k], row[1 - k]) for row in persons.tolist() for k in (0, 1)]

        def negatives(a, b):
            if persons is None:
                return True
            return persons[a] != persons[b] and (persons[a], persons[b]) not in partners

    z, losses = pairs.astype(np.float64), np.zeros(pairs.shape[:2])
    for i, k in images:
        a, p = (i, k), (i, 1 - k)
        others = [b for b in images if b not in (a, p) and negatives(a, b)]
        scores = [float(z[a] @ z[b]) / temperature for b in (p, *others)]
        losses[a] = np.log(np.sum(np.exp(scores))) - scores[0]
    return losses


def block_means(image, count):
    """`(B, count^N, C)` of one box after the other, each voxel weighted by the part of it in the box."""
    sizes, found = image.shape[1:-1], []
    for box in np.ndindex(*[count] * len(sizes)):
        weights = 1.0
        for axis, (size, place) in enumerate(zip(sizes, box, strict=True)):
            first, last = place * size / count, (place + 1) * size / count
            part = np.array([max(0.0, min(v + 1, last) - max(v, first)) for v in range(size)])
            weights = weights * part.reshape([-1 if a == axis else 1 for a in range(len(sizes))])
        total = (image.astype(np.float64) * weights[None, ..., None]).sum(tuple(range(1, 1 + len(sizes))))
        found.append(total / weights.sum())
    return np.stack(found, axis=1)
