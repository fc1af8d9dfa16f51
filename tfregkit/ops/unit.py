"""Vectors of length 1."""

from __future__ import annotations

from typing import Any

from keras import ops


def unit(rows: Any) -> Any:
    """Each vector along the last axis over its length; a vector of zeros stays one, with a finite gradient."""
    rows = ops.convert_to_tensor(rows)
    return rows * ops.rsqrt(ops.maximum(ops.sum(ops.square(rows), axis=-1, keepdims=True), 1e-12))


def spread(rows: Any, valid: Any = None) -> Any:
    """How far vectors of length 1 lie apart: 0 when all are equal, 1 on average for random directions.

    The root mean square over the dimensions of the standard deviation over the vectors, times the root of their number:
    `sqrt(n / (n - 1) (1 - |mean|^2))`. Near 0 features have collapsed: a contrastive or predictive loss has found a
    solution that says the same of everything. It has no gradient.

    Args:
        rows: `(..., n, d)` of length 1.
        valid: `(..., n)` bool, which of them count. None: all.

    Returns:
        `(...)` float32; 0 where fewer than two count.

    Reference: Chen and He 2021 (SimSiam), section 4.1, arXiv:2011.10566, there without the factor.
    """
    rows = ops.stop_gradient(ops.cast(rows, "float32"))
    weight = ops.ones_like(rows[..., 0]) if valid is None else ops.cast(valid, "float32")
    count = ops.sum(weight, axis=-1)
    mean = ops.sum(rows * ops.expand_dims(weight, -1), axis=-2) / ops.expand_dims(ops.maximum(count, 1.0), -1)
    left = ops.maximum(1.0 - ops.sum(ops.square(mean), axis=-1), 0.0)
    return ops.where(count >= 2, ops.sqrt(left * count / ops.maximum(count - 1.0, 1.0)), 0.0)
