"""Linear warping for TensorFlow: jitted forward and backward passes that keep nothing but their inputs."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfregkit.backend.tf_sampling import sample, sample_slope, splat

_GROUP = 3  # channels whose slopes are summed in one jitted call


def sample_linear(image: Any, displacement: Any, image_gradient: bool) -> Any:
    """`image(p + u(p))` with edge replication, `(B, X', Y'[, Z'], C)`; see `tfregkit.ops.warp`.

    The gradient to `u` gathers the corners again instead of keeping them; the one to the image is a scatter.
    """

    @tf.custom_gradient
    def run(image: Any, displacement: Any) -> Any:
        components = tf.unstack(displacement, axis=-1)
        planes = tf.unstack(image, axis=-1)
        moved = tf.stack([sample(plane, *components) for plane in planes], axis=-1)

        def gradient(upstream: Any) -> tuple[Any, Any]:
            upstreams = tf.unstack(upstream, axis=-1)
            to_field = [_slope(axis, planes, upstreams, components) for axis in range(len(components))]
            to_image = None
            if image_gradient:
                splats = [splat(up, plane, components) for up, plane in zip(upstreams, planes, strict=True)]
                to_image = tf.stack(splats, axis=-1)
            return to_image, tf.stack(to_field, axis=-1)

        return moved, gradient

    return run(image, displacement)


def _slope(axis: int, planes: list[Any], upstreams: list[Any], components: list[Any]) -> Any:
    total = tf.zeros_like(components[0])
    for start in range(0, len(planes), _GROUP):
        group = slice(start, start + _GROUP)
        add = sample_slope(axis, len(planes[group]))
        total = add(total, *planes[group], *upstreams[group], *components)
    return total
