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
