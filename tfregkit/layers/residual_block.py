"""Two convolutions beside a shortcut."""

from __future__ import annotations

import keras

from tfregkit.layers.conv_block import convolution
from tfregkit.layers.film import FiLM
from tfregkit.layers.instance_normalization import InstanceNormalization
from tfregkit.ops.leaky_relu import leaky_relu


class ResidualBlock(keras.layers.Layer):
    """`act(IN(conv(act(IN(conv(x))))) + shortcut(x))`, 2-D or 3-D: the rank is read from the input.

    act is LeakyReLU, the convolutions have no bias, and the shortcut is `IN(conv1(x))` with a kernel of one voxel where
    the channels change, x itself where they do not. With an embedding FiLM follows the two normalisations of the main
    path.

    Args:
        filters: Output channels.
        kernel_size: Side of the two convolutions' kernels, odd.
        slope: Negative slope of the LeakyReLU, in [0, 1].

    Call arguments: `x` `(B, X, Y[, Z], C)`; `embedding` `None` or `(B, E)`. Returns `(B, X, Y[, Z], filters)`.

    Reference: He et al. 2016, doi:10.1109/CVPR.2016.90, with instance normalisation, as in Hatamizadeh et al. 2022,
    section 3, doi:10.1109/WACV51458.2022.00181.
    """

    def __init__(self, filters, kernel_size=3, slope=0.01, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.slope = slope

    def build(self, x_shape, embedding_shape=None):
        shape = (*x_shape[:-1], self.filters)
        self.conv_1, self.norm_1 = self._normalised(x_shape, self.kernel_size)
        self.conv_2, self.norm_2 = self._normalised(shape, self.kernel_size)
        self.shortcut = () if x_shape[-1] == self.filters else self._normalised(x_shape, 1)
        self.films = [FiLM(dtype=self.dtype_policy) for _ in range(2 if embedding_shape is not None else 0)]
        for film in self.films:
            film.build([shape, embedding_shape])

    def _normalised(self, shape, kernel_size):
        """A convolution of that input and the normalisation of what it gives."""
        conv = convolution(len(shape) - 2, self.filters, kernel_size, use_bias=False, dtype=self.dtype_policy)
        norm = InstanceNormalization(affine=False, dtype=self.dtype_policy)
        conv.build(shape)
        norm.build((*shape[:-1], self.filters))
        return conv, norm

    def call(self, x, embedding=None):
        shortcut = x
        for layer in self.shortcut:
            shortcut = layer(shortcut)
        x = self._modulated(self.norm_1(self.conv_1(x)), 0, embedding)
        x = self._modulated(self.norm_2(self.conv_2(leaky_relu(x, self.slope))), 1, embedding)
        return leaky_relu(x + shortcut, self.slope)

    def _modulated(self, x, number, embedding):
        return self.films[number]([x, embedding]) if self.films else x

    def compute_output_shape(self, x_shape, embedding_shape=None):
        return (*x_shape[:-1], self.filters)

    def get_config(self):
        own = ("filters", "kernel_size", "slope")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
