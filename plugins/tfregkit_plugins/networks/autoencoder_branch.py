"""One autoencoder: image to feature maps, and on to the image."""

from __future__ import annotations

import keras
from keras import ops

from tfregkit.layers.conv_block import convolution
from tfregkit.ops.leaky_relu import leaky_relu
from tfregkit.ops.upsample import upsample_convolve


class AutoencoderBranch(keras.layers.Layer):
    """Blocks of `LeakyReLU(IN(conv(x)))` that halve, then double, and a last convolution to an image.

    Called with an image `(B, X, Y[, Z], C)` it gives the feature maps `{"conv1": (B, x, y[, z], filters[0]), ...}` of
    the blocks up to the last doubling. The arguments are those of the network `autoencoder`.
    """

    def __init__(self, filters, levels, up_order, taps, slope, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.taps, self.slope = filters, taps, slope
        flat = len(filters) - 2 * levels  # blocks that neither halve nor double
        before = int(up_order == "conv_up")
        self.scales = ["down"] * levels + ["same"] * before + ["up"] * levels + ["same"] * (flat - before)
        self.tapped = 2 * levels

    def build(self, image_shape):
        rank, channels = len(image_shape) - 2, image_shape[-1]
        self.convs, self.norms = [], []
        for scale, filters in zip(self.scales, self.filters, strict=True):
            conv = convolution(rank, filters, strides=2 if scale == "down" else 1, dtype=self.dtype_policy)
            conv.build((None, *[None] * rank, channels))
            norm = keras.layers.GroupNormalization(groups=-1, epsilon=1e-5, dtype=self.dtype_policy)
            norm.build((None, *[None] * rank, filters))
            self.convs.append(conv)
            self.norms.append(norm)
            channels = filters
        self.last = convolution(rank, image_shape[-1], dtype=self.dtype_policy)
        self.last.build((None, *[None] * rank, channels))
        self.built = True

    def call(self, image):
        return self.encode(image, complete=False)[0]

    def encode(self, image, complete=True):
        """The feature maps, and the activation of the last tapped block (None unless `complete`)."""
        features, x = {}, image
        for i in range(self.tapped):
            convolved = self._convolved(i, x)
            wanted = complete or i + 1 < self.tapped or self.taps == "activation"
            x = self._activated(i, convolved) if wanted else None
            features[f"conv{i + 1}"] = convolved if self.taps == "convolution" else x
        return features, x

    def decode(self, x):
        """The image, from the activation of the last tapped block."""
        for i in range(self.tapped, len(self.convs)):
            x = self._activated(i, self._convolved(i, x))
        return ops.cast(self.last(x), "float32")

    def _convolved(self, i, x):
        if self.scales[i] != "up":
            return self.convs[i](x)
        return upsample_convolve(x, self.convs[i].kernel) + self.convs[i].bias

    def _activated(self, i, x):
        return leaky_relu(self.norms[i](x), self.slope)
