"""LeakyReLU for TensorFlow."""

from __future__ import annotations

import tensorflow as tf


def leaky_relu(x: tf.Tensor, slope: float) -> tf.Tensor:
    """`max(x, slope x)`, `slope` in [0, 1], with the gradient computed from the output."""

    @tf.custom_gradient
    def activation(x):
        y = tf.nn.leaky_relu(x, slope)
        return y, lambda upstream: tf.raw_ops.LeakyReluGrad(gradients=upstream, features=y, alpha=slope)

    return activation(x)
