"""Differences of neighbouring voxels, shared by the regularizers."""

from __future__ import annotations


def _along(axis: int, rank: int, which: slice) -> tuple[slice, ...]:
    return tuple(which if a == axis else slice(None) for a in range(rank))


def forward_difference(values, axis: int):
    """`values[p + 1] - values[p]` along `axis`; that axis gets one shorter."""
    rank = len(values.shape)
    return values[_along(axis, rank, slice(1, None))] - values[_along(axis, rank, slice(None, -1))]


def second_difference(values, axis: int):
    """`values[p + 1] - 2 values[p] + values[p - 1]` along `axis`; that axis gets two shorter."""
    return forward_difference(forward_difference(values, axis), axis)
