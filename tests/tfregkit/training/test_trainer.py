"""The number that a stage descends."""

import keras
import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.api import Network
from tfregkit.backend.distribution import Distribution
from tfregkit.layers import FiLM
from tfregkit.objective.objective import Objective
from tfregkit.training.trainer import Trainer

DECAY = 1e-5  # ContraReg's


class Conditioned(Network):
    """A field whose channels FiLM scales and shifts."""

    stride = 1
    conditioned = True

    def __init__(self):
        super().__init__()
        self.convolution = keras.layers.Conv2D(2, 3, padding="same")
        self.film = FiLM(weight_decay=DECAY)

    def call(self, inputs, training=None):
        features = self.convolution(ops.concatenate([inputs["moving"], inputs["fixed"]], axis=-1))
        return {"displacement": self.film([features, inputs["lam"]])}


def test_weight_decay_of_layers_is_part_of_the_loss_and_of_the_step():
    """A pitfall of steps of one's own: what layers add to the loss is in `losses`, and nobody else counts it."""
    rng = np.random.default_rng(1)
    batch = {role: rng.random((2, 5, 7, 1), dtype="float32") for role in ("moving", "fixed")}
    batch["lam"] = np.array([[0.2], [0.7]], np.float32)
    objective = Objective(terms={"mse": tfregkit.build("similarity", "mse")}, weights={"mse": 0.0}, lam="uniform")
    trainer = Trainer(network=Conditioned(), objective=objective, strategy=tfregkit.build("strategy", "unsupervised"))
    trainer.compile(optimizer=keras.optimizers.SGD(1e4), jit_compile=False)
    trainer.build_from(batch)
    projection = trainer.network.film.projection
    projection.bias.assign([0.5, -1.0, 0.25, 2.0])
    before = [ops.convert_to_numpy(v) for v in (projection.kernel, projection.bias)]
    terms = trainer({name: ops.convert_to_tensor(array) for name, array in batch.items()}, training=True)
    expected = DECAY * sum(float((w.astype(float) ** 2).sum()) for w in before)
    assert float(ops.convert_to_numpy(trainer.mean_loss(terms))) == pytest.approx(expected, rel=1e-5)
    feed = iter([trainer.prepare([batch], Distribution())])
    trainer.fit(trainer.fit_source(feed), steps_per_epoch=1, shuffle=False, verbose=0)
    trainer.settle()
    for variable, begun in zip((projection.kernel, projection.bias), before, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(variable), (1 - 1e4 * 2 * DECAY) * begun, rtol=1e-4)
