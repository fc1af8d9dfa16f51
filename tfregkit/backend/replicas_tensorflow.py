"""Exchange between the replicas of `tf.distribute`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def gathered_tensorflow(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | int]:
    """See `tfregkit.ops.all_replicas`. Outside `strategy.run` there is nobody to ask."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return rows, 0
    everyone = context.all_gather(rows, axis=0)
    everyone = tf.ensure_shape(everyone, (None, *rows.shape[1:]))  # several machines forget it
    return everyone, context.replica_id_in_sync_group * tf.shape(rows)[0]


def averaged_tensorflow(values: Any) -> Any:
    """See `tfregkit.ops.all_replicas.replica_mean`. Outside `strategy.run` there is nobody to ask."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce("MEAN", values)
