"""Instance normalisation."""

from __future__ import annotations

import keras
from keras import ops

from tfregkit.ops.instance_norm import instance_norm


class InstanceNormalization(keras.layers.Layer):
    """`gamma (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance per item and channel.

    Args:
        affine: Whether there are `gamma` and `beta`, learnt for each channel; 1 and 0 else.
        epsilon: Keeps the division finite; torch's constant, not Keras' own.

    Call arguments: `x` `(B, X, Y[, Z], C)`. Returns the same shape and type.

    Reference: Ulyanov et al. 2016, arXiv:1607.08022.
    """

    def __init__(self, affine=True, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.affine = affine
        self.epsilon = epsilon

    def build(self, x_shape):
        self.gamma = self.beta = None
        if self.affine:
            shape = (x_shape[-1],)
            self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma", autocast=False)
            self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta", autocast=False)

    def call(self, x):
        gamma, beta = self.gamma, self.beta
        if not self.affine:
            gamma, beta = ops.ones(x.shape[-1:]), ops.zeros(x.shape[-1:])
        return instance_norm(x, gamma, beta, self.epsilon)

    def compute_output_shape(self, x_shape):
        return tuple(x_shape)

    def get_config(self):
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}
