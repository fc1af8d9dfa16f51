"""Fields with known derivatives."""

import numpy as np

SHAPE = (5, 7, 11)


def grid(shape=SHAPE):
    """Voxel coordinates `(*shape, N)`, float64."""
    return np.stack(np.meshgrid(*(np.arange(size, dtype=float) for size in shape), indexing="ij"), -1)


def matrix(rank, seed=2):
    """A small matrix, no two entries equal."""
    return 0.1 * np.random.default_rng(seed).normal(size=(rank, rank))


def linear(a, shape=SHAPE, offset=0.0):
    """`u(x) = A x + offset` as `(1, *shape, N)` float32."""
    return (grid(shape) @ a.T + offset)[None].astype(np.float32)


def rough(shape=SHAPE, seed=4, batch=2):
    """Two fields of noise, `(B, *shape, N)` float32."""
    return np.random.default_rng(seed).normal(size=(batch, *shape, len(shape))).astype(np.float32)
