"""`fit` on TensorFlow: one step function for one device, several, and several machines.

Keras 3's own step fails under `MultiWorkerMirroredStrategy` (symbolic build on `PerReplica` values, reduction of scalar
logs) and draws from a `tf.data` pipeline that hides how long it was waited for. Ours runs `Model.train_step` through
`strategy.run` on batches that the loader's threads have already put on the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class TensorFlowLoop:
    """See `GenericLoop`. `stop_requested` is this process' wish, `stop_agreed` that of any worker of the job."""

    stop_requested = False
    stop_agreed = False
    draws_inside_step = True
    takes_held_out = True
    feed: Iterator[Any] | None = None

    def prepare(self, batches: list[dict[str, np.ndarray]], distribution: Any) -> list[dict[str, tf.Tensor]]:
        """Each local replica's batch on its device."""
        devices = [None] * len(batches)
        if distribution.strategy is not None:
            devices = list(distribution.strategy.extended.worker_devices)
        prepared = []
        for batch, device in zip(batches, devices, strict=True):
            with tf.device(device):
                prepared.append(keras.tree.map_structure(tf.constant, batch))
        return prepared

    def fit_source(self, feed: Iterator[Any]) -> Any:
        """`fit` only counts steps; the batches come from the feed."""
        self.feed = feed
        replicas = self.distribute_strategy.num_replicas_in_sync
        return tf.data.Dataset.range(replicas).batch(replicas).repeat()

    def settle(self) -> None:
        """Variables always hold their values."""

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Nothing: the trainer is built before `fit`."""

    def train_step(self, data: dict[str, Any]) -> dict[str, Any]:
        """A step of Keras, after what the strategy does with a batch of held-out pairs where the step has one.

        The graph would run both at once as far as it can, with the memory of both: the step's images wait.
        """
        batch = dict(data)
        held_out = batch.pop("held_out", None)
        if held_out is not None:
            self.strategy.before_update(self, batch, held_out)
            with tf.control_dependencies([tf.identity(number) for number in self.objective.learned.values()]):
                batch = keras.tree.map_structure(tf.identity, batch)
        return super().train_step(batch)

    def make_train_function(self, force: bool = False) -> None:
        """`train_function(iterator)`: one step over all replicas, the logs averaged over them."""
        if self.train_function is not None and not force:
            return
        strategy = self.distribute_strategy
        replica_step = self.train_step
        if self.jit_compile:
            replica_step = tf.function(replica_step, jit_compile=True, autograph=False)

        names: list[str] = []

        def replica(batch: Any, stop: Any) -> tf.Tensor:
            """The logs of all replicas, averaged, and then `stop`, as one vector: one exchange over the network."""
            logs = replica_step(batch)
            names[:] = [*logs, "stop"]
            numbers = tf.stack([*(tf.cast(value, "float32") for value in logs.values()), stop])
            return tf.distribute.get_replica_context().all_reduce("MEAN", numbers)

        @tf.function(autograph=False)
        def step(batch: Any, stop: Any) -> tf.Tensor:
            return strategy.experimental_local_results(strategy.run(replica, args=(batch, stop)))[0]

        def train_function(iterator: Any) -> dict[str, np.floating]:
            batches = next(self.feed)
            stop = tf.constant(float(self.stop_requested))
            if strategy.num_replicas_in_sync == 1:
                numbers = step(batches[0], stop)
            else:
                numbers = step(_per_replica(strategy, batches), _per_replica(strategy, [stop] * len(batches)))
            logs = dict(zip(names, numbers.numpy(), strict=True))
            self.stop_agreed = logs.pop("stop") > 0
            return logs

        self.train_function = train_function


def _per_replica(strategy: tf.distribute.Strategy, values: list[Any]) -> Any:
    """One value for each local replica."""
    return strategy.experimental_distribute_values_from_function(
        lambda context: values[context.replica_id_in_sync_group % len(values)]
    )


def replicas_in_sync() -> int:
    """How many replicas share the step that is being traced."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def graph(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as a graph, traced anew for new shapes."""
    return tf.function(function, autograph=False, reduce_retracing=True)
