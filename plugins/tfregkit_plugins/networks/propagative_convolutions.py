"""What the modules that predict a field share."""

from __future__ import annotations

import keras

from tfregkit.layers.conv_block import ConvBlock, convolution


class FieldConvolutions(keras.layers.Layer):
    """Convolutions with LeakyReLU, and one without to a field: float32 under any policy, near zero at first.

    A subclass makes the maps that go in, and the field that comes out.

    Args:
        filters: Channels, convolution by convolution; 3 x 3 (x 3) kernels.
        dilations: Of the same convolutions; by default 1.
        slope: Negative slope of the LeakyReLU.
        remat: Recompute the convolutions in the backward pass.
    """

    def __init__(self, filters, dilations=None, slope=0.2, remat=False, **kwargs):
        super().__init__(autocast=False, **kwargs)  # positions do not fit into half precision
        rates = dilations or [1] * len(filters)
        with keras.RematScope(mode="full" if remat else None):
            self.blocks = [
                ConvBlock(count, slope=slope, dilation=rate, dtype=self.dtype_policy)
                for count, rate in zip(filters, rates, strict=True)
            ]

    def _build(self, rank, channels):
        """Create the weights for maps of so many channels."""
        shape = (None,) * (rank + 1)
        for block in self.blocks:
            block.build((*shape, channels))
            channels = block.filters
        start = keras.initializers.RandomNormal(stddev=1e-5)
        self.head = convolution(rank, rank, dtype="float32", kernel_initializer=start, name="head")
        self.head.build((*shape, channels))

    def _field(self, maps):
        """The field `(B, x, y[, z], N)`, and the maps of which it is made."""
        for block in self.blocks:
            maps = block(maps)
        return self.head(maps), maps
