"""Noise-contrastive estimation: is a query's partner found among the keys?"""

from __future__ import annotations

from typing import Any

from keras import ops

EXCLUDED = -1e9
"""A logit that no softmax sees, finite so that no gradient is undefined."""


def info_nce(queries: Any, keys: Any, temperature: float, valid: Any = None, valid_keys: Any = None) -> Any:
    """`mean_i -log( exp(q_i . k_i / t) / sum_j exp(q_i . k_j / t) )`, with logits in float32 and their log-sum-exp.

    Args:
        queries: `(B, n, d)` of length 1.
        keys: `(B, m, d)` of length 1, m >= n; key i is the positive of query i, all other keys are its negatives.
        temperature: t.
        valid: `(B, n)` bool: which queries count; their mean is 0 if there are fewer than two. None: all.
        valid_keys: `(B, m)` bool: which keys count. None: those of the valid queries, and all beyond them.

    Returns:
        `(B,)`: `log m` if all vectors are equal, at most `2 / t + log m`.

    Reference: van den Oord et al. 2018, arXiv:1807.03748, eq. 4.
    """
    queries, keys = ops.cast(queries, "float32"), ops.cast(keys, "float32")
    logits = ops.matmul(queries, ops.transpose(keys, (0, 2, 1))) / temperature
    positives = ops.diagonal(logits, axis1=-2, axis2=-1)  # of the same product: its rounding is magnified by 1 / t
    if valid is not None:
        if valid_keys is None:
            rest = ops.ones_like(keys[:, queries.shape[1] :, 0], dtype="bool")
            valid_keys = ops.concatenate([valid, rest], axis=1)
        logits = ops.where(ops.expand_dims(valid_keys, 1), logits, EXCLUDED)
    losses = ops.logsumexp(logits, axis=-1) - positives
    if valid is None:
        return ops.mean(losses, axis=-1)
    count = ops.sum(ops.cast(valid, "float32"), axis=-1)
    total = ops.sum(ops.where(valid, losses, 0.0), axis=-1)
    return ops.where(count >= 2, total / ops.maximum(count, 1.0), 0.0)
