"""Averages over space, one value per batch item."""

from __future__ import annotations

from keras import ops


def masked_mean(values, mask=None):
    """Mean over space and channels of `values` `(B, X, Y[, Z], C)`, weighted by `mask` `(B, X, Y[, Z], 1)`: `(B,)`.

    `mean = Σ mask · values / (C · Σ mask)`; an empty mask gives 0.
    """
    axes = tuple(range(1, len(values.shape)))
    if mask is None:
        return ops.mean(values, axis=axes)
    total = ops.sum(mask, axis=axes) * values.shape[-1]
    return ops.sum(values * mask, axis=axes) / ops.where(total > 0, total, ops.ones_like(total))
