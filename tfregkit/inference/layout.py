"""Where the tiles of a grid lie, and how much each counts where they overlap."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Box = tuple[slice, ...]
Weights = Literal["linear", "gaussian"]

SIGMA = 1 / 8
"""The standard deviation of Gaussian weights, in sides of a tile: that of nnU-Net (doi:10.1038/s41592-020-01008-z)."""


@dataclass(frozen=True)
class Layout:
    """Tiles of one size that cover a grid.

    Args:
        shape: The sizes of the grid.
        tile: Those of a tile, at most the grid's.
        starts: Along each axis the first voxels of the tiles, increasing; the first tile starts at 0, the last one ends
            where the grid does.
        weights: How much a tile counts, before all tiles at a voxel are made to sum to 1. `linear`: it falls over what
            neighbours share, to 0 at the tile's end. `gaussian`: `exp(-d^2 / (2 sigma^2))` along each axis, d from the
            tile's middle, sigma an eighth of its side; where two tiles share a quarter, one passes to the other over
            about a third of what they share.
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]
    weights: Weights = "linear"

    @classmethod
    def evenly(
        cls,
        shape: Sequence[int],
        tile: Sequence[int],
        overlap: Sequence[int],
        stride: int,
        weights: Weights = "linear",
    ) -> Layout:
        """As few tiles as overlap enough, spread evenly; they start at multiples of `stride`.

        Args:
            shape: The sizes of the grid, multiples of `stride`.
            tile: The largest sizes of a tile, at least `stride`.
            overlap: How many voxels neighbours share at least, below the tile's sizes.
            stride: What the sizes of a tile must be multiples of.
            weights: See `Layout`.
        """
        sizes = tuple(min(size, most // stride * stride) for size, most in zip(shape, tile, strict=True))
        starts = []
        for size, side, shared in zip(shape, sizes, overlap, strict=True):
            rest, step = (size - side) // stride, (side - shared) // stride
            steps = -(-rest // step) if rest else 0
            starts.append(tuple(k * rest // steps * stride if steps else 0 for k in range(steps + 1)))
        return cls(tuple(shape), sizes, tuple(starts), weights)

    @property
    def counts(self) -> tuple[int, ...]:
        """Tiles along each axis."""
        return tuple(map(len, self.starts))

    @property
    def overlap(self) -> tuple[int, ...]:
        """The fewest voxels that neighbours along an axis share; 0 where there is one tile."""
        gaps = (np.diff(starts, append=starts[-1] + side)[:-1] for starts, side in self._axes())
        return tuple(int(side - gap.max()) if len(gap) else 0 for side, gap in zip(self.tile, gaps, strict=True))

    def borders(self) -> list[list[int]]:
        """Along each axis the faces where a tile begins or ends within the grid, for `ops.seam.seam_ratio`."""
        found = []
        for size, (starts, side) in zip(self.shape, self._axes(), strict=True):
            found.append(sorted({edge for start in starts for edge in (start, start + side)} - {0, size}))
        return found

    def boxes(self) -> Iterator[tuple[Box, np.ndarray]]:
        """Each tile's place in the grid, and its weights `(x, y, z)`: the weights of all tiles at a voxel sum to 1."""
        ramps = [self._ramps(axis) for axis in range(len(self.shape))]
        for place in itertools.product(*(range(count) for count in self.counts)):
            box = tuple(slice(s[k], s[k] + side) for k, (s, side) in zip(place, self._axes(), strict=True))
            weights = np.ones((), np.float32)
            for ramp, k in zip(ramps, place, strict=True):
                weights = weights[..., None] * ramp[k]
            yield box, weights

    def _axes(self) -> list[tuple[tuple[int, ...], int]]:
        """The starts and the side of the tiles along each axis."""
        return list(zip(self.starts, self.tile, strict=True))

    def _ramps(self, axis: int) -> np.ndarray:
        """The weights of the tiles along one axis, `(tiles, side)`."""
        starts, side = self._axes()[axis]
        ramps = _gaussian(starts, side) if self.weights == "gaussian" else _linear(starts, side)
        total = np.zeros(self.shape[axis])
        for start, ramp in zip(starts, ramps, strict=True):
            total[start : start + side] += ramp
        return np.stack([ramp / total[s : s + side] for s, ramp in zip(starts, ramps, strict=True)]).astype(np.float32)


def _linear(starts: Sequence[int], side: int) -> np.ndarray:
    """`(tiles, side)`: they fall linearly over what neighbours share."""
    voxels = np.arange(side) + 0.5
    ramps = np.ones((len(starts), side))
    for k, (left, right) in enumerate(itertools.pairwise(starts)):
        shared = left + side - right
        if shared:
            ramps[k] = np.minimum(ramps[k], (side - voxels) / shared)
            ramps[k + 1] = np.minimum(ramps[k + 1], voxels / shared)
    return ramps


def _gaussian(starts: Sequence[int], side: int) -> np.ndarray:
    """`(tiles, side)`: the same bell for each."""
    offsets = np.arange(side) + 0.5 - side / 2
    return np.tile(np.exp(-0.5 * (offsets / (SIGMA * side)) ** 2), (len(starts), 1))
