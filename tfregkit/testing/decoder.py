"""Checks of a decoder: see `tfregkit.api.Decoder` for the contract they spell out."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfregkit.api import ConfigError, Decoder
from tfregkit.testing.common import BATCH, array, follows_the_rules, fresh, image

MOST_LEVELS = 8
CELLS = ((2, 3), (1, 2, 3))


def pyramid(levels: int, cells: tuple[int, ...], seed: int = 0) -> dict[str, np.ndarray]:
    """A pyramid of `levels` maps whose coarsest has `cells` voxels, each level with a number of channels of its own."""
    shapes = [tuple(cell * 2 ** (levels - 1 - n) for cell in cells) for n in range(levels)]
    return {f"P{n}": image(shape, seed + n, channels=n + 2) for n, shape in enumerate(shapes)}


def fitting(decoder: Decoder, cells: tuple[int, ...]) -> tuple[Any, dict[str, np.ndarray], Any]:
    """A fresh decoder, a pyramid with the number of levels it takes, and what it makes of it."""
    refused: list[str] = []
    for levels in range(2, MOST_LEVELS):
        candidate, maps = fresh(decoder), pyramid(levels, cells)
        try:
            return candidate, maps, candidate(maps)
        except (ConfigError, ValueError, KeyError) as error:
            refused.append(f"{levels} levels: {error}")
    raise AssertionError("the decoder takes no pyramid:\n" + "\n".join(refused))


def gives_one_map_at_full_resolution(decoder: Decoder) -> None:
    for cells in CELLS:
        _, maps, features = fitting(decoder, cells)
        expected = maps["P0"].shape[:-1]
        assert tuple(features.shape[:-1]) == expected, f"expected {expected} and channels. Received: {features.shape}"
        assert np.all(np.isfinite(array(features))), "the features are not finite"


def takes_any_size(decoder: Decoder) -> None:
    """Built once, called with another size."""
    decoder, maps, _ = fitting(decoder, (1, 2, 3))
    other = pyramid(len(maps), (2, 3, 1))
    features = decoder(other)
    assert tuple(features.shape[:4]) == (BATCH, *other["P0"].shape[1:-1]), f"the second size gave {features.shape}"


def uses_every_level(decoder: Decoder) -> None:
    """The finest and the coarsest map both matter."""
    decoder, maps, features = fitting(decoder, CELLS[1])
    for name in (min(maps), max(maps)):
        changed = array(decoder({**maps, name: maps[name] + 1.0}))
        assert not np.allclose(changed, array(features), atol=1e-7), f"the features do not depend on {name}"


CHECKS = [follows_the_rules, gives_one_map_at_full_resolution, takes_any_size, uses_every_level]
