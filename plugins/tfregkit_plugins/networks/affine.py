"""A network that predicts the numbers of an affine transform."""

from __future__ import annotations

from typing import Annotated

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import Network
from tfregkit.layers.conv_block import convolution
from tfregkit.ops import affine_to_displacement, invert_affine, resize_image
from tfregkit.ops.block_means import block_means
from tfregkit.ops.leaky_relu import leaky_relu

Filters = Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1)]


class Affine(Network):
    """Both images through convolutions that make them smaller, and a fully connected layer to an affine transform.

    `affine` `[A | b]`, `A = W + I`, maps `x`, a voxel of the fixed image about the centre of the grid, to the point
    `A x + b` of the moving image about that centre: `displacement = W x + b`, and `inverse` is that of the inverse
    transform. The fully connected layer begins at zero, so the network begins as the identity. It gives W, without
    unit, and b in halves of the grid's extent, so that a number of either moves the border by as much, whatever the
    grid; `affine` is in voxels.

    Each second convolution, beginning with the first, halves the resolution; LeakyReLU (0.2) follows each. The last map
    is averaged within `cells` boxes along each axis, and the layer looks at all of them: it sees where things are, and
    images may have any size. 1,333,964 parameters in 3-D by default.

    Args:
        filters: Channels of the convolutions. Published: nine convolutions, with no word about their channels.
        cells: Boxes along each axis in which the last map is averaged.

    Reference: Liu et al. 2022, section 4.1, doi:10.1109/TPAMI.2021.3115825: 9 convolutions and a fully connected
    layer to the 12 numbers. W and b as in Zhao et al. 2020, doi:10.1109/JBHI.2019.2951024.
    """

    def __init__(
        self,
        *,
        filters: Filters = (16, 16, 32, 32, 64, 64, 128, 128, 128),
        cells: Annotated[int, Field(ge=1)] = 2,
    ) -> None:
        super().__init__()
        self.filters = list(filters)
        self.cells = cells
        self.convolutions = []

    @property
    def stride(self) -> int:
        return 1

    def build(self, inputs_shape):
        shape = inputs_shape["moving"]
        rank = len(shape) - 2
        channels = shape[-1] + inputs_shape["fixed"][-1]
        for index, filters in enumerate(self.filters):
            options = {"strides": 2 - index % 2, "kernel_initializer": "he_normal", "dtype": self.dtype_policy}
            layer = convolution(rank, filters, name=f"convolution_{index + 1}", **options)
            layer.build((*shape[:-1], channels))
            self.convolutions.append(layer)
            channels = filters
        zeros = {"kernel_initializer": "zeros", "bias_initializer": "zeros"}
        self.head = keras.layers.Dense(rank * (rank + 1), dtype="float32", name="affine", **zeros)
        self.head.build((shape[0], channels * self.cells**rank))

    def call(self, inputs, training=None):
        features = ops.concatenate([inputs["moving"], inputs["fixed"]], axis=-1)
        shape = ops.shape(features)[1:-1]
        for layer in self.convolutions:
            features = leaky_relu(layer(features), 0.2)
        matrix = self._matrix(self.head(self._flat(features)), shape)
        outputs = {"displacement": affine_to_displacement(matrix, shape), "affine": matrix}
        return {**outputs, "inverse": affine_to_displacement(invert_affine(matrix), shape)}

    def _flat(self, features):
        """The means of the boxes, `(B, boxes * C)`; a map with fewer voxels than boxes is made larger before."""
        sizes = [max(size, self.cells) for size in ops.shape(features)[1:-1]]
        means = block_means(resize_image(features, sizes), self.cells)
        return ops.reshape(means, (-1, means.shape[1] * means.shape[2]))

    def _matrix(self, numbers, shape):
        """`[W + I | b]` in voxels, `(B, N, N + 1)`, of what the layer gives."""
        rank = len(shape)
        numbers = ops.reshape(numbers, (-1, rank, rank + 1))
        halves = ops.stack([ops.cast(size - 1, numbers.dtype) / 2 for size in shape])
        shift = numbers[..., rank:] * halves[:, None]
        return ops.concatenate([numbers[..., :rank] + ops.eye(rank, dtype=numbers.dtype), shift], axis=-1)
