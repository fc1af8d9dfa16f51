"""The first convolution of a U-Net's decoder level."""

from __future__ import annotations

from keras import ops

from tfregkit.layers.conv_block import ConvBlock
from tfregkit.ops.upsample import upsample_convolve


class UpConvBlock(ConvBlock):
    """`ConvBlock(concat(up(coarse), skip))` with `up` nearest-neighbour doubling, built without either copy.

    A convolution is linear, so the one of the concatenation is the sum of two: `conv(up(coarse), W1) + conv(skip, W2)`.
    The weights are those of the plain convolution, `(k, k[, k], C1 + C2, filters)`.

    Call arguments: `coarse` `(B, X/2, Y/2[, Z/2], C1)`; `skip` `(B, X, Y[, Z], C2)`; `embedding` `None` or `(B, E)`.
    Returns `(B, X, Y[, Z], filters)`. The other arguments are those of `ConvBlock`.
    """

    def build(self, coarse_shape, skip_shape, embedding_shape=None):
        super().build((*skip_shape[:-1], coarse_shape[-1] + skip_shape[-1]), embedding_shape)

    def call(self, coarse, skip, embedding=None):
        return self._tail(convolve_joined(coarse, skip, self.conv), embedding)

    def compute_output_shape(self, coarse_shape, skip_shape, embedding_shape=None):
        return (*skip_shape[:-1], self.filters)


def convolve_joined(coarse, skip, conv):
    """`conv(concat(up(coarse), skip))` for a convolution layer of both, without the enlarged and the joined copy."""
    kernel, split = conv.kernel, coarse.shape[-1]
    enlarged = upsample_convolve(coarse, kernel[..., :split, :])
    return ops.add(enlarged + ops.conv(skip, kernel[..., split:, :], padding="same"), conv.bias)
