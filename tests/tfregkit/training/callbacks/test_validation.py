"""The Dice of a validation."""

import numpy as np
import pytest
from keras import ops
from references.cases import case

from tfregkit.training.callbacks.validation import Validation, _looker, dice
from tfregkit_plugins.metrics.dice import Dice


def test_mean_over_structures_without_the_background():
    fixed = np.array([0, 1, 1, 1, 2, 2, 0, 0])
    moved = np.array([0, 1, 1, 0, 2, 0, 2, 5])
    assert dice(fixed, moved) == pytest.approx(np.mean([2 * 2 / 5, 2 * 1 / 4, 0.0]))


def test_no_structure_at_all():
    assert np.isnan(dice(np.zeros(3, int), np.zeros(3, int)))


def test_negative_and_large_labels_are_structures_as_in_the_metric():
    fixed = np.array([0, -3, -3, 7, 2**30])
    moved = np.array([0, -3, 0, 7, 2**30])
    assert dice(fixed, moved) == pytest.approx(np.mean([2 * 1 / 3, 1.0, 1.0]))
    values = Dice()(case(fixed_labels=fixed, moving_labels=moved, moved_labels=moved))
    assert dice(fixed, moved) == pytest.approx(values[""])


class Fixed:
    """A trainer whose network gives these outputs, and whose strategy descends their sum."""

    def __init__(self, outputs):
        self.network, self.objective = Outputs(outputs), None

    def strategy(self, batch, network, objective, training):
        network({})
        return {"total": ops.sum(batch["fixed"], axis=(1, 2, 3, 4))}


class Outputs:
    structures = {"low": (5,), "high": (9, 3)}

    def __init__(self, outputs):
        self.outputs = outputs

    def __call__(self, inputs, training=None):
        return {name: ops.convert_to_tensor(value) for name, value in self.outputs.items()}


def measured(outputs, **labels):
    rng = np.random.default_rng(0)
    batch = {"fixed": rng.random((1, 5, 3, 2, 1), dtype="float32"), **labels}
    validation = Validation(0, 1, 1, [None], lambda pair: dict(batch), None)
    validation._look = _looker(Fixed(outputs))
    return validation._measure(batch)


def test_structures_are_compared_with_the_most_probable_classes():
    rng = np.random.default_rng(2)
    truth = rng.choice([0, 5, 9, 3, 7], (1, 5, 3, 2, 1)).astype(np.int32)
    logits = rng.normal(size=(1, 5, 3, 2, 3)).astype("float32")
    classes = np.select([truth == 5, (truth == 9) | (truth == 3)], [1, 2], 0)
    found = measured({"logits": logits}, fixed_labels=truth)
    assert found["dice"] == pytest.approx(dice(classes, logits.argmax(-1)[..., None]))
    assert "dice" not in measured({"logits": logits})


def test_registered_labels_are_the_nearest_moving_ones():
    rng = np.random.default_rng(4)
    fixed, moving = rng.integers(0, 3, (2, 1, 5, 3, 2, 1)).astype(np.int32)
    field = np.zeros((1, 5, 3, 2, 3), "float32")
    field[..., 0] = 1.2
    moved = moving[:, [1, 2, 3, 4, 4]]
    found = measured({"displacement": field}, fixed_labels=fixed, moving_labels=moving)
    assert found["dice"] == pytest.approx(dice(fixed, moved))
    assert "dice" not in measured({"displacement": field}, fixed_labels=fixed)
