"""Convolution of an enlarged image without the enlarged image."""

from __future__ import annotations

from typing import Any

from keras import ops


def upsample_convolve(coarse: Any, kernel: Any) -> Any:
    """`conv(up(coarse), kernel)`, with `up` nearest-neighbour doubling and zero padding at the borders.

    Doubling is the transposed convolution of stride 2 with a kernel of ones, so both together are one transposed
    convolution of stride 2 with the kernel `K[t] = W[k - 1 - t] + W[k - t]` along each axis, one voxel longer than `W`:
    8 taps per output voxel instead of 27 in 3-D (4 instead of 9 in 2-D), and no enlarged copy in memory.

    Args:
        coarse: `(B, X, Y[, Z], C)`.
        kernel: `(k, k[, k], C, F)`, k odd.

    Returns:
        `(B, 2X, 2Y[, 2Z], F)`.
    """
    rank = len(coarse.shape) - 2
    return ops.conv_transpose(coarse, _doubling_kernel(kernel, rank), strides=2, padding="same")


def _doubling_kernel(kernel: Any, rank: int) -> Any:
    """`(k, k[, k], C, F)` to `(k + 1, k + 1[, k + 1], F, C)`."""
    spatial = list(range(rank))
    kernel = ops.flip(ops.transpose(kernel, (*spatial, rank + 1, rank)), axis=spatial)
    for axis in spatial:
        before, after = ([(0, 0)] * (rank + 2) for _ in range(2))
        before[axis], after[axis] = (1, 0), (0, 1)
        kernel = ops.pad(kernel, before) + ops.pad(kernel, after)
    return kernel
