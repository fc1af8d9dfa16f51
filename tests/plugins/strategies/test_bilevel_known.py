"""A registration whose best weight is known: bilevel training finds it from bad starts, and a grid confirms it."""

import keras
import numpy as np
import pytest
from backends import tensorflow_only
from keras import ops

import tfregkit
from tfregkit.api import Network
from tfregkit.backend.distribution import Distribution
from tfregkit.objective.objective import Objective
from tfregkit.training.trainer import Trainer

pytestmark = tensorflow_only
SLOPE, TRAINED, HELD_OUT = np.array([0.3, 0.4]), np.array([1.2, 1.6]), np.array([0.6, 0.8])
BEST = 0.5
"""Ramps of slope s, moved by d, and a network that predicts one displacement u for all. Training descends
`(s·(u - d))^2 + lambda |u|^2 / 2`, whose minimum is `u = s (s·d) / (|s|^2 + lambda / 2)`. On the held-out pair, moved
by half as much, the images agree where `s·u = s·d / 2`: at `lambda = 2 |s|^2`."""


class Shift(Network):
    """One displacement, whatever it sees."""

    stride = 1

    def __init__(self):
        super().__init__()
        self.displacement = self.add_weight(shape=(2,), initializer="zeros", name="displacement")

    def call(self, inputs, training=None):
        return {"displacement": ops.zeros((*inputs["fixed"].shape[:-1], 2)) + self.displacement}


def pair(displacement):
    places = np.stack(np.meshgrid(np.arange(11.0), np.arange(13.0), indexing="ij"), -1)
    mask = np.zeros((11, 13))
    mask[3:-3, 3:-3] = 1  # whatever moves here comes from inside of the image
    arrays = {"moving": places @ SLOPE, "fixed": (places + displacement) @ SLOPE, "fixed_mask": mask}
    return {name: array[None, ..., None].astype("float32") for name, array in arrays.items()}


def trainer(strategy, **options):
    size = tfregkit.build("regularizer", "velocity_l2", on="displacement")
    objective = Objective(terms={"likeness": tfregkit.build("similarity", "mse"), "size": size}, mask="fixed")
    made = tfregkit.build("strategy", strategy, **options)
    made.connect(objective)
    found = Trainer(network=Shift(), objective=objective, strategy=made)
    found.compile(optimizer=keras.optimizers.SGD(0.3), jit_compile=False)
    found.build_from(pair(TRAINED))
    return found


def descend(made, steps, held_out):
    made.network.displacement.assign([0.0, 0.0])
    batch = {**pair(TRAINED), **({"held_out": pair(HELD_OUT)} if held_out else {})}
    feed = iter([made.prepare([batch], Distribution())] * steps)
    made.fit(made.fit_source(feed), steps_per_epoch=steps, shuffle=False, verbose=0)
    found = ops.convert_to_numpy(made.network.displacement)
    return ((found - HELD_OUT) @ SLOPE) ** 2


@pytest.fixture(scope="module")
def learner():
    upper = {"terms": {"likeness": {"similarity": {"name": "mse"}}}, "mask": "fixed"}
    return trainer("bilevel", learn=["size"], upper=upper, every=1, learning_rate=0.05)


@pytest.mark.parametrize("start", [BEST / 10, BEST * 10])
def test_bilevel_training_finds_the_best_weight_from_ten_times_off(learner, start):
    (weight,) = learner.objective.learned.values()
    for variable in learner.strategy.numbers.variables:
        variable.assign(np.zeros(variable.shape))
    learner.strategy.numbers.theta.assign([np.log(start)])
    weight.assign(start)
    assert descend(learner, 250, held_out=True) < 1e-5
    assert float(ops.convert_to_numpy(weight)) == pytest.approx(BEST, rel=0.02)


def test_a_grid_of_trainings_confirms_it():
    made = trainer("unsupervised")
    weight, found = made.objective.learn("size"), {}
    for value in BEST * np.array([0.1, 0.3, 1.0, 3.0, 10.0]):
        weight.assign(value)
        found[value] = descend(made, 60, held_out=False)
        closed = SLOPE * (SLOPE @ TRAINED) / (SLOPE @ SLOPE + value / 2)
        np.testing.assert_allclose(found[value], ((closed - HELD_OUT) @ SLOPE) ** 2, atol=2e-3)
    assert min(found, key=found.get) == BEST
    assert found[BEST] < 1e-6
