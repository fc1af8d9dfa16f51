"""Order within a graph of TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def gradient_after_tensorflow(outputs: Any, done: list[Any]) -> Any:
    """See `gradient_after`."""
    values = [tf.identity(variable) for variable in done]  # reads, after the assignments

    @tf.custom_gradient
    def held(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies(values):
                return tf.identity(upstream)

        return tf.identity(x), gradient

    return tf.nest.map_structure(held, outputs)
