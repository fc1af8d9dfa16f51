"""The network on one tile at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from tfregkit.errors import ConfigError
from tfregkit.inference.forward import Forward
from tfregkit.inference.layout import Layout
from tfregkit.inference.timing import timed
from tfregkit.models.base import Stitcher
from tfregkit.ops import integrate, resize_field, resize_image

Arrays = dict[str, np.ndarray]
Sizes = dict[str, tuple[int, ...]]
KEPT = {True: {"velocity", "posterior"}, False: {"displacement", "inverse", "posterior"}}
"""What is put together where the network gives a velocity, and where it gives none."""


class Tiled:
    """As `Forward`, but the network never sees more than a tile, so memory for its feature maps is that of a tile.

    What is put together is what refinement takes too: the velocity where the network gives one, which is then
    integrated over the whole grid (by 7 squarings), so that the warp is a diffeomorphism with its inverse across the
    tiles as well; else the displacement, with the inverse where the network predicts it.

    Networks with an affine part cannot be used on tiles.

    Args:
        forward: The network.
        layout: The tiles.
        stitcher: What mends the seams of blocks that do not overlap; None: what overlaps is blended.
    """

    def __init__(self, forward: Forward, layout: Layout, stitcher: Stitcher | None = None) -> None:
        self._forward = forward
        self._layout = layout
        self._stitcher = stitcher

    def __call__(
        self, batch: dict[str, np.ndarray], lambdas: Sequence[float | None]
    ) -> Iterator[tuple[dict[str, np.ndarray], dict[str, float]]]:
        """See `Forward`; the lambdas one after the other.

        Raises:
            ConfigError: When there are several tiles and the network predicts an affine of whole images.
        """
        if self._layout.counts == (1, 1, 1):
            yield from self._forward(batch, lambdas)
            return
        for lam in lambdas:
            seconds: dict[str, float] = {}
            with timed(seconds, "network"):
                whole, sizes, names = self._put_together(batch, lam)
            with timed(seconds, "tiles"):
                outputs = self._outputs(whole, sizes, names)
            yield outputs, seconds

    def _put_together(self, batch: dict[str, np.ndarray], lam: float | None) -> tuple[Arrays, Sizes, set[str]]:
        """What is kept, on the whole grid at full resolution; at which sizes it is wanted; all the network's names."""
        shape, tile = self._layout.shape, self._layout.tile
        whole: Arrays = {}
        sizes: Sizes = {}
        for box, weights in self._layout.boxes():
            place = (slice(None), *box)
            ((outputs, _),) = self._forward({name: image[place] for name, image in batch.items()}, [lam])
            if "affine" in outputs:
                raise ConfigError(
                    "`tile`, `--tile`: the affine part of this run's network must see whole images, and a tile would "
                    "have an affine of its own. Leave `tile` out, or register with a run without an affine part."
                )
            for name in KEPT["velocity" in outputs] & set(outputs):
                field = outputs[name]
                if name not in whole:
                    whole[name] = np.zeros((1, *shape, field.shape[-1]), np.float32)
                    own = zip(shape, tile, field.shape[1:-1], strict=True)
                    sizes[name] = tuple(size * coarse // side for size, side, coarse in own)
                whole[name][place] += weights[..., None] * ops.convert_to_numpy(_resized(name, field, tile))
        return whole, sizes, set(outputs)

    def _outputs(self, whole: Arrays, sizes: Sizes, names: set[str]) -> Arrays:
        """The network's fields on the whole grid, from those that were kept."""
        if self._stitcher is not None:
            count = self._layout.counts[0]
            mended = {name: self._stitcher(field, count=count) for name, field in whole.items() if name != "posterior"}
            whole = {**whole, **mended}
        found = {name: _resized(name, field, sizes[name]) for name, field in whole.items()}
        if "velocity" in found:
            velocity, shape = found["velocity"], self._layout.shape
            stationary = "inverse" in names
            found["displacement"] = resize_field(integrate(velocity) if stationary else velocity, shape)
            if stationary:
                found["inverse"] = resize_field(integrate(-velocity), shape)
        return {name: np.asarray(ops.convert_to_numpy(field), np.float32) for name, field in found.items()}


def _resized(name: str, field: Any, shape: Sequence[int]) -> Any:
    """A field on another grid; of a posterior all channels alike, since it comes back to its own grid in the end."""
    field = ops.convert_to_tensor(field)
    return resize_image(field, shape) if name == "posterior" else resize_field(field, shape)
