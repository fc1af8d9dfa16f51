"""One process with two logical devices: `python replica_worker.py OUT` trains a few steps on one and on both.

Writes `OUT`, an `.npz` file, with the losses and the weights of each, and how far copies on the two devices are apart.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
import tensorflow as tf
from keras import ops

import tfregkit
from tfregkit.api import Network, Samples
from tfregkit.backend.distribution import Distribution, open_distribution
from tfregkit.objective.objective import Objective
from tfregkit.training.batch_maker import BatchMaker
from tfregkit.training.held_out import WithHeldOut
from tfregkit.training.parts import variables
from tfregkit.training.trainer import Trainer


class Encoding(Network):
    """A convolution whose maps are the features, and one to the field."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.features = keras.layers.Conv2D(4, 3, padding="same", activation="relu")
        self.field = keras.layers.Conv2D(2, 3, padding="same")

    def encode(self, inputs, training=None):
        return {role: {"P0": self.features(inputs[role])} for role in ("moving", "fixed")}

    def call(self, inputs, training=None):
        features = self.encode(inputs, training)
        joined = ops.concatenate([features["moving"]["P0"], features["fixed"]["P0"]], axis=-1)
        return {"displacement": self.field(joined), "features": features}


class Pairs:
    """Four pairs of five persons in every batch."""

    batch_size, seed = 4, 0

    def batch(self, step: int, replica: int = 0, replicas: int = 1) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(step)
        whole = {role: rng.random((4, 5, 7, 1), dtype="float32") for role in ("moving", "fixed")}
        whole["moving_subject"] = np.array([[0], [1], [2], [3]], "int32")
        whole["fixed_subject"] = np.array([[1], [4], [3], [0]], "int32")
        share = 4 // replicas
        return {name: array[replica * share : (replica + 1) * share] for name, array in whole.items()}


def trained(name: str, across: bool, learn: bool = False) -> tuple[Trainer, list[dict[str, float]], Distribution]:
    """Three steps of plain gradient descent with both contrastive terms; with `learn`, some weights are learned."""
    distribution = open_distribution(name)
    make = BatchMaker(Pairs(), distribution, None)
    if learn:
        make = WithHeldOut(make, make, lambda step: step + 7)
    with distribution.scope():
        keras.utils.set_random_seed(1)
        terms = {
            "likeness": tfregkit.build("similarity", "mse"),
            "contrast": tfregkit.build("similarity", "nt_xent", width=5, across_replicas=across),
            "prediction": tfregkit.build("similarity", "byol", width=5, hidden=7),
        }
        strategy = tfregkit.build("strategy", "momentum", decay=0.5)
        if learn:
            strategy = tfregkit.build("strategy", "bilevel", inner=strategy, learn=[*terms, "contrast.temperature"])
        objective = Objective(terms=terms)
        strategy.connect(objective)
        trainer = Trainer(network=Encoding(), objective=objective, strategy=strategy)
        trainer.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
        trainer.build_from(make.share(0, distribution.local[0]))
        trainer.optimizer.build(trainer.trainable_variables)
    logged: list[dict[str, float]] = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, step, logs=None):
            logged.append({name: float(value) for name, value in logs.items()})

    feed = iter([trainer.prepare(make(step), distribution) for step in range(3)])
    trainer.fit(trainer.fit_source(feed), steps_per_epoch=3, shuffle=False, verbose=0, callbacks=[Note()])
    return trainer, logged, distribution


def apart(distribution: Distribution, variable: keras.Variable) -> float:
    """The largest difference between a variable's copies."""
    one, other = (copy.numpy() for copy in distribution.strategy.experimental_local_results(variable.value))
    return float(np.abs(one - other).max())


def consistency(name: str) -> np.ndarray:
    """The slopes of MixCL's terms for the embeddings of four items; of their shares two and one have positives."""
    distribution = open_distribution(name)
    rng = np.random.default_rng(3)
    given = {"maps": rng.normal(size=(4, 2, 3, 5, 2)), "rows": rng.normal(size=(4, 2, 3, 2))}
    given = {key: array.astype("float32") for key, array in given.items()}
    given["classes"] = np.array([[[1, 0, 2]] * 2, [[1, 1, 0]] * 2, [[1, 0, 0], [2, 0, 0]], [[0, 3, 3]] * 2], "int32")
    size = 4 // distribution.replicas
    with distribution.scope():
        identity = tfregkit.build("similarity", "identity_consistency", across_replicas=True)
        label = tfregkit.build("similarity", "label_consistency")

    def step(share):
        share = {key: tf.convert_to_tensor(array) for key, array in share.items()}
        roles = ("fixed", "moving")
        with tf.GradientTape() as tape:
            tape.watch([share["maps"], share["rows"]])
            features = {role: {"P0": share["maps"][:, i]} for i, role in enumerate(roles)}
            samples = {role: Samples(share["rows"][:, i], share["classes"][:, i]) for i, role in enumerate(roles)}
            values = identity(share["maps"], share["maps"], features=features, roles=roles)[0]
            values += label(share["maps"], share["maps"], samples=samples, roles=roles)[0]
            loss = tf.reduce_mean(values) / distribution.replicas
        return [tf.reshape(slope, (size, -1)) for slope in tape.gradient(loss, [share["maps"], share["rows"]])]

    if distribution.replicas == 1:
        return np.concatenate([slope.numpy() for slope in step(given)], axis=1)
    tf_strategy = distribution.strategy
    shares = tf_strategy.experimental_distribute_values_from_function(
        lambda context: {key: array[context.replica_id_in_sync_group * size :][:size] for key, array in given.items()}
    )
    found = tf.function(lambda: tf_strategy.run(step, args=(shares,)))()
    parts = [np.concatenate([x.numpy() for x in tf_strategy.experimental_local_results(slope)]) for slope in found]
    return np.concatenate(parts, axis=1)


def main(out: str) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    found: dict[str, np.ndarray] = {}
    for key, name, across in (("one", "none", False), ("both", "mirrored", True), ("alone", "mirrored", False)):
        trainer, logged, distribution = trained(name, across)
        for term in ("loss", "contrast", "prediction"):
            found[f"{key}_{term}"] = np.array([logs[term] for logs in logged])
        for group, members in variables(trainer).items():
            for number, variable in enumerate(members):
                if not variable.path.endswith("latest"):  # of the whole batch, or of the first share
                    found[f"{key}_{group}{number}"] = ops.convert_to_numpy(variable)
    for key, name in (("one", "none"), ("both", "mirrored")):
        trainer, logged, distribution = trained(name, True, learn=True)
        found[f"{key}_learned"] = np.array([[logs[name] for name in trainer.objective.learned] for logs in logged])
        found[f"{key}_consistency"] = consistency(name)
    found["apart"] = np.array([apart(distribution, v) for members in variables(trainer).values() for v in members])
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
