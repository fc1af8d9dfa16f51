"""Scaling and squaring for TensorFlow, on component planes.

One squaring at most doubles the largest component, so that `max |v| / 2^(steps - k)` bounds step k's field: where it is
at most one voxel the steps are dense stencils (`tf_stencil`), after that gathers and scatters (`tf_sampling`). Kept for
the backward pass are the fields before each squaring, and nothing else.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfregkit.backend import tf_sampling, tf_stencil


def scaling_squaring(velocity: Any, steps: int) -> Any:
    """The displacement `(B, X, Y[, Z], N)` after `steps` squarings of `v / 2^steps`; see `tfregkit.ops.integrate`."""

    @tf.custom_gradient
    def run(velocity: Any) -> Any:
        scale = tf.cast(2.0**-steps, velocity.dtype)
        largest = tf.reduce_max(tf.abs(velocity)) * scale  # NaN compares false: the general steps run
        field = [component * scale for component in tf.unstack(velocity, axis=-1)]
        states = []
        for step in range(steps):
            states.append(field)
            field = _either(largest * 2.0**step, _square_small, _square, field)

        def gradient(upstream: Any) -> Any:
            change = tf.unstack(upstream, axis=-1)
            for step in reversed(range(steps)):
                change = _either(largest * 2.0**step, _back_small, _back, states[step], change)
            return tf.stack([component * scale for component in change], axis=-1)

        return tf.stack(field, axis=-1), gradient

    return run(velocity)


def _either(bound: Any, small: Any, general: Any, *planes: list[Any]) -> list[Any]:
    """The stencil version where the field is known to stay within one voxel, else the general one."""
    return list(tf.cond(bound <= 1, lambda: small(*planes), lambda: general(*planes)))


def _square(field: list[Any]) -> list[Any]:
    return [component + tf_sampling.sample(component, *field) for component in field]


def _square_small(field: list[Any]) -> list[Any]:
    return [component + tf_stencil.sample(tf_stencil.pad(component), *field) for component in field]


def _back(field: list[Any], upstream: list[Any]) -> list[Any]:
    splats: list[Any] = []
    for up, component in zip(upstream, field, strict=True):
        with tf.control_dependencies(splats[-1:]):  # one at a time: each holds 2^N weighted planes
            splats.append(tf_sampling.splat(up, component, field))
    return [
        tf_sampling.sample_slope(axis, len(field))(upstream[axis] + splats[axis], *field, *upstream, *field)
        for axis in range(len(field))
    ]


def _back_small(field: list[Any], upstream: list[Any]) -> list[Any]:
    with tf.control_dependencies(upstream):  # or all steps' padded fields would be made at once, and held
        padded = [tf_stencil.pad(component) for component in field]
    splats = [tf_stencil.splat(tf_stencil.pad(up), *padded) for up in upstream]
    return [tf_stencil.slope(axis)(upstream[axis] + splats[axis], *padded, *upstream) for axis in range(len(field))]
