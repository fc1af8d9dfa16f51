"""The Dice of a validation."""

import numpy as np
import pytest
from references.cases import case

from tfregkit.training.callbacks.validation import dice
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
