"""Convolution, normalisation, conditioning and activation, in that order."""

from __future__ import annotations

import keras

from tfregkit.backend.loop import replicas_in_sync
from tfregkit.layers.film import FiLM
from tfregkit.layers.instance_normalization import InstanceNormalization
from tfregkit.ops.leaky_relu import leaky_relu


class ConvBlock(keras.layers.Layer):
    """`LeakyReLU(FiLM(norm(conv(x))))`, 2-D or 3-D: the rank is read from the input.

    Normalisation and conditioning are optional. The convolution keeps its bias under conditioning, so that a block
    whose FiLM projection is zero is the unconditioned block.

    Args:
        filters: Output channels.
        kernel_size: Side of the convolution kernel; borders are padded with zeros. With `strides` 2 one of 4 is centred
            on the two voxels of which one is made; an odd one lies half a voxel off where sizes are even.
        normalization: `None`; `"instance"`: per item and channel; or `"batch"`: per channel, over the batch of all
            replicas in training and by moving statistics otherwise. Both have learnt scale and shift, and the usual
            constants (epsilon 1e-5; the moving statistics keep 0.9 of their value in each step), not Keras' own.
        slope: Negative slope of the LeakyReLU, in [0, 1]; 0 is ReLU.
        kernel_initializer: Of the convolution.
        strides: How many voxels become one along each axis.
        dilation: Voxels from one tap of the kernel to the next; does not go with strides.

    Call arguments: `x` `(B, X, Y[, Z], C)`; `embedding` `None` or `(B, E)`. Returns `(B, X, Y[, Z], filters)`, sizes
    divided by `strides` and rounded up.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        normalization=None,
        slope=0.2,
        kernel_initializer="glorot_uniform",
        strides=1,
        dilation=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if normalization not in (None, "instance", "batch"):
            raise ValueError(f"`normalization` must be None, 'instance' or 'batch'. Received: {normalization!r}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.normalization = normalization
        self.slope = slope
        self.kernel_initializer = kernel_initializer
        self.strides = strides
        self.dilation = dilation

    def build(self, x_shape, embedding_shape=None):
        options = {"kernel_initializer": self.kernel_initializer, "dtype": self.dtype_policy}
        options |= {"strides": self.strides, "dilation_rate": self.dilation}
        self.conv = convolution(len(x_shape) - 2, self.filters, self.kernel_size, **options)
        self.conv.build(x_shape)
        self._build_tail(ConvBlock.compute_output_shape(self, x_shape), embedding_shape)

    def _build_tail(self, shape, embedding_shape):
        self.norm = self.film = None
        if self.normalization == "instance":
            self.norm = InstanceNormalization(dtype=self.dtype_policy)
        if self.normalization == "batch":
            several = replicas_in_sync() > 1  # Keras' synchronised moments cost memory on one device
            constants = {"momentum": 0.9, "epsilon": 1e-5}
            self.norm = keras.layers.BatchNormalization(**constants, synchronized=several, dtype=self.dtype_policy)
        if self.norm is not None:
            self.norm.build(shape)
        if embedding_shape is not None:
            self.film = FiLM(dtype=self.dtype_policy)
            self.film.build([shape, embedding_shape])

    def call(self, x, embedding=None):
        return self._tail(self.conv(x), embedding)

    def _tail(self, x, embedding):
        if self.norm is not None:
            x = self.norm(x)
        if self.film is not None:
            x = self.film([x, embedding])
        return leaky_relu(x, self.slope)

    def compute_output_shape(self, x_shape, embedding_shape=None):
        spatial = (size if size is None else -(-size // self.strides) for size in x_shape[1:-1])
        return (x_shape[0], *spatial, self.filters)

    def get_config(self):
        own = ("filters", "kernel_size", "normalization", "slope", "kernel_initializer", "strides", "dilation")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def convolution(rank, filters, kernel_size=3, **options):
    """A zero-padded convolution layer of that rank."""
    layers = {2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
    if rank not in layers:
        raise ValueError(f"Images must have 2 or 3 spatial axes. Received: {rank}")
    return layers[rank](filters, kernel_size, padding="same", **options)
