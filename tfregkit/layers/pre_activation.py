"""What comes before the convolution of a block that normalises first."""

from __future__ import annotations

import keras

from tfregkit.layers.film import FiLM
from tfregkit.layers.instance_normalization import InstanceNormalization
from tfregkit.ops.leaky_relu import leaky_relu


class PreActivation(keras.layers.Layer):
    """`LeakyReLU((1 + gamma) IN(x) + beta)`: conditional instance normalisation, then the activation.

    IN is per item and channel, without learnt scale and shift; `[gamma, beta] = W e + b`. Without an embedding gamma
    and beta are 0.

    Args:
        slope: Negative slope of the LeakyReLU, in [0, 1].

    Call arguments: `x` `(B, X, Y[, Z], C)`; `embedding` `None` or `(B, E)`. Returns the shape of `x`.

    Reference: Mok and Chung 2021, section 2.2, doi:10.1007/978-3-030-87202-1_4.
    """

    def __init__(self, slope=0.2, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope

    def build(self, x_shape, embedding_shape=None):
        self.norm = InstanceNormalization(affine=False, dtype=self.dtype_policy)
        self.norm.build(x_shape)
        self.film = None
        if embedding_shape is not None:
            self.film = FiLM(weight_decay=0.0, dtype=self.dtype_policy)
            self.film.build([x_shape, embedding_shape])

    def call(self, x, embedding=None):
        x = self.norm(x)
        return leaky_relu(x if self.film is None else self.film([x, embedding]), self.slope)

    def compute_output_shape(self, x_shape, embedding_shape=None):
        return tuple(x_shape)

    def get_config(self):
        return {**super().get_config(), "slope": self.slope}
