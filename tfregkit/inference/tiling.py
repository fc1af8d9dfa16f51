"""How a grid that is too large for the network at once is cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfregkit.data.grid import Grid, working_grid
from tfregkit.errors import ConfigError
from tfregkit.inference.layout import Layout, Weights
from tfregkit.models.base import Stitcher

Sizes = int | Sequence[int]
"""One number of voxels for all axes, or one for each of R, A, S."""


@dataclass(frozen=True)
class Tiling:
    """Tiles that overlap and are blended, or blocks that do not and are put together by a stitcher.

    Args:
        size: The largest sizes of a tile, in voxels of the working grid; None: the whole grid is one.
        overlap: How many voxels neighbours share at least.
        stitcher: What mends the seams of blocks; None: tiles are blended.
        source: Where the stitcher is from, for the sidecar.
        weights: How tiles that overlap are blended. See `Layout`.
    """

    size: tuple[int, ...] | None = None
    overlap: tuple[int, ...] = (0, 0, 0)
    stitcher: Stitcher | None = None
    source: str | None = None
    weights: Weights = "linear"

    @classmethod
    def of(
        cls,
        tile: Sizes | Tiling | None,
        overlap: Sizes | None = None,
        stitcher: Stitcher | str | Path | None = None,
        weights: Weights | None = None,
    ) -> Tiling:
        """From what `Registration.register` takes.

        Args:
            tile: The largest sizes of a tile; None: no tiles. A tiling is returned as it is.
            overlap: By default a quarter of the tile; with a stitcher there is none.
            stitcher: A stitcher, or the run whose network has a trained one.
            weights: `linear` by default. See `Layout`.

        Raises:
            ConfigError: When the sizes make no tiles, or the run has no stitcher.
        """
        others = [overlap, stitcher, weights]
        if isinstance(tile, Tiling) and all(value is None for value in others):
            return tile
        if tile is None:
            if any(value is not None for value in others):
                raise ConfigError(
                    "`tile_overlap`, `tile_weights` and `stitcher` belong to tiles: give the size of a tile (`--tile`)."
                )
            return cls()
        size = _sizes("tile", tile, least=1)
        if stitcher is not None and overlap is not None and np.any(np.asarray(overlap) != 0):
            raise ConfigError("`stitcher` mends tiles that do not overlap: leave `tile_overlap` out.")
        if stitcher is not None and weights is not None:
            raise ConfigError("`stitcher` mends tiles that do not overlap: leave `tile_weights` out.")
        shared = [0] * 3 if stitcher is not None else [side // 4 for side in size] if overlap is None else overlap
        shared = _sizes("tile_overlap", shared, least=0)
        if any(o >= s for o, s in zip(shared, size, strict=True)):
            raise ConfigError(f"`tile_overlap` must be below `tile`. Received: tile_overlap={shared}, tile={size}")
        if isinstance(stitcher, (str, Path)):
            return cls(size, shared, _stitcher_of(stitcher), str(stitcher))
        return cls(size, shared, stitcher, stitcher and type(stitcher).__name__, weights or "linear")

    def plan(
        self, fixed: Grid, spacing: float | Sequence[float], stride: int, least: Sequence[int] = (1, 1, 1)
    ) -> tuple[Grid, Layout]:
        """The working grid of a fixed image, padded to at least so many voxels, and its tiles.

        Tiles are multiples of the network's stride, and so are overlaps. For a stitcher the grid is padded until it
        divides into equal blocks, as many along every axis.

        Raises:
            ConfigError: When the sizes are too small for the network.
        """
        if self.stitcher is not None:
            return self._blocks(fixed, spacing, stride)
        grid = working_grid(fixed, spacing, stride)
        if np.any(np.less(grid.shape, least)):
            grid = working_grid(fixed, spacing, stride, np.maximum(grid.shape, least))
        return grid, self.layout(grid.shape, stride)

    def layout(self, shape: Sequence[int], stride: int) -> Layout:
        """The tiles of a grid, blended where they overlap; see `plan`. Its sizes are multiples of the stride."""
        if self.size is None:
            return Layout(tuple(shape), tuple(shape), ((0,),) * 3)
        shared = [-(-voxels // stride) * stride for voxels in self.overlap]
        for size, side, voxels in zip(shape, self.size, shared, strict=True):
            if side < size and side // stride * stride <= voxels:
                raise ConfigError(
                    f"`tile`, `--tile`: tiles and overlaps are multiples of {stride} for this network, so a tile of "
                    f"{side} voxels leaves nothing beside an overlap of {voxels}. Take larger tiles or less overlap."
                )
        return Layout.evenly(shape, self.size, shared, stride, self.weights)

    def _blocks(self, fixed: Grid, spacing: float | Sequence[float], stride: int) -> tuple[Grid, Layout]:
        """The fewest equal blocks of at most `size` voxels."""
        sizes = working_grid(fixed, spacing).shape
        fewest = max(-(-size // side) for size, side in zip(sizes, self.size, strict=True))
        for count in range(fewest, max(sizes) + 1):
            multiple = math.lcm(count * stride, self.stitcher.multiple(count))
            grid = working_grid(fixed, spacing, multiple)
            sides = tuple(size // count for size in grid.shape)
            if all(side <= most for side, most in zip(sides, self.size, strict=True)):
                return grid, Layout(grid.shape, sides, tuple(tuple(k * s for k in range(count)) for s in sides))
        raise ConfigError(
            f"`tile`, `--tile`: this network and this stitcher work on blocks of multiples of {multiple // count} "
            f"voxels, larger than {'x'.join(map(str, self.size))}."
        )


def _sizes(name: str, given: Sizes, least: int) -> tuple[int, ...]:
    """One size for each axis."""
    sizes = tuple(int(size) for size in np.broadcast_to(given, (3,))) if np.size(given) in (1, 3) else ()
    if not sizes or min(sizes) < least:
        raise ConfigError(f"`{name}` must be one whole number or three, at least {least}. Received: {name}={given}")
    return sizes


def _stitcher_of(path: str | Path) -> Stitcher:
    """The trained stitcher of a run's network."""
    from tfregkit.training.run import Run

    stitcher = getattr(Run.open(Path(path)).network(), "stitcher", None)
    if not isinstance(stitcher, Stitcher) or not stitcher.built:
        raise ConfigError(f"{path}: its network has no stitcher that was trained. Name a run whose network has one.")
    return stitcher
