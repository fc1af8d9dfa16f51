"""From the feature maps of a network to a few vectors for each image."""

from __future__ import annotations

import math

import keras

from tfregkit.api import ConfigError
from tfregkit.ops.block_means import block_means
from tfregkit_plugins.similarities.projection_heads import ProjectionHeads

ROLES = ("fixed", "moving")


class Embedding(keras.layers.Layer):
    """The means of a feature map over the image, or over each of its blocks, through a linear layer.

    Call arguments: `features` by role and map. Returns `{"fixed": (B, blocks^N, width), "moving": ...}` float32.

    Args:
        level: Name of the map; None: the one with the fewest voxels.
        width: Of the vectors.
        shared: Whether both roles have one linear layer, or each its own.
        blocks: Along each axis.
        unit: Whether the vectors have length 1.
    """

    def __init__(self, *, level: str | None, width: int, shared: bool, blocks: int = 1, unit: bool = True) -> None:
        super().__init__(dtype="float32")
        self.level, self.blocks = level, blocks
        self.heads = ProjectionHeads(depth=1, width=width, shared=shared, unit=unit)

    def create(self, name: str, shapes: dict[str, dict[str, tuple]] | None) -> None:
        """Make the weights.

        Args:
            name: Of the similarity, for messages.
            shapes: Those of the feature maps.

        Raises:
            ConfigError: When there are no features, not of both roles, not of that level, or too few voxels in it.
        """
        if not shapes or any(role not in shapes for role in ROLES):
            raise ConfigError(
                f"similarity `{name}` looks at the network's features of both images, and this network gives none. "
                "Take one that gives `features`, as siamese networks do."
            )
        maps = shapes["moving"]
        if self.level is None:
            self.level = min(maps, key=lambda level: math.prod(maps[level][1:-1]))
        if self.level not in maps:
            known = ", ".join(f"`{level}`" for level in maps)
            raise ConfigError(f"similarity `{name}`: `level`: this network has no `{self.level}`. It has {known}.")
        shape = maps[self.level]
        if min(shape[1:-1]) < self.blocks:
            sizes = "x".join(map(str, shape[1:-1]))
            raise ConfigError(
                f"similarity `{name}`: `{self.level}` has {sizes} voxels and cannot be cut into {self.blocks} blocks "
                "along each axis. Take a finer `level`, or fewer `patches`."
            )
        self.heads.create({self.level: shape[-1]})
        self.built = True

    def call(self, features):
        return {
            role: self.heads(block_means(features[role][self.level], self.blocks), role=role, name=self.level)
            for role in ROLES
        }
