"""Conditional instance normalisation, activation and convolution, in that order."""

from __future__ import annotations

import keras

from tfregkit.layers.conv_block import convolution
from tfregkit.layers.pre_activation import PreActivation
from tfregkit.ops.leaky_relu import leaky_relu

MAPPING = (64, 64, 64, 64)  # widths of a block's own map of lambda


class CINBlock(keras.layers.Layer):
    """`conv(LeakyReLU((1 + gamma) IN(x) + beta))`, 2-D or 3-D, with gamma and beta of a map of lambda of its own.

    The map has four layers of 64 units with LeakyReLU(0.2) and one linear layer. Without lambda gamma and beta are 0:
    the unconditioned block is the same code, and the one whose last linear layer is zero.

    Args:
        filters: Output channels.
        kernel_size: Side of the convolution kernel, odd; borders are padded with zeros.
        slope: Negative slope of the LeakyReLU on the features, in [0, 1].
        kernel_initializer: Of the convolution.

    Call arguments: `x` `(B, X, Y[, Z], C)`; `lam` `None` or `(B, 1)`. Returns `(B, X, Y[, Z], filters)`.

    Reference: Mok and Chung 2021, "Conditional deformable image registration with convolutional neural network",
    section 2.2, doi:10.1007/978-3-030-87202-1_4.
    """

    def __init__(self, filters, kernel_size=3, slope=0.2, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.slope = filters, kernel_size, slope
        self.kernel_initializer = kernel_initializer

    def build(self, x_shape, lam_shape=None):
        self._build_parts([x_shape], lam_shape)

    def _build_parts(self, shapes, lam_shape):
        """The map, one activation per input, and the convolution of all inputs' channels."""
        widths = MAPPING if lam_shape is not None else ()
        self.mapping = [keras.layers.Dense(width, dtype=self.dtype_policy) for width in widths]
        for layer in self.mapping:
            layer.build(lam_shape)
            lam_shape = (lam_shape[0], layer.units)
        self.activations = [PreActivation(self.slope, dtype=self.dtype_policy) for _ in shapes]
        for activation, shape in zip(self.activations, shapes, strict=True):
            activation.build(shape, lam_shape)
        options = {"kernel_initializer": self.kernel_initializer, "dtype": self.dtype_policy}
        self.conv = convolution(len(shapes[0]) - 2, self.filters, self.kernel_size, **options)
        self.conv.build((*shapes[-1][:-1], sum(shape[-1] for shape in shapes)))

    def call(self, x, lam=None):
        (x,) = self._activated([x], lam)
        return self.conv(x)

    def _activated(self, inputs, lam):
        for layer in self.mapping:
            lam = leaky_relu(layer(lam), 0.2)
        return [activation(x, lam) for activation, x in zip(self.activations, inputs, strict=True)]

    def compute_output_shape(self, x_shape, lam_shape=None):
        return (*x_shape[:-1], self.filters)

    def get_config(self):
        own = ("filters", "kernel_size", "slope", "kernel_initializer")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
