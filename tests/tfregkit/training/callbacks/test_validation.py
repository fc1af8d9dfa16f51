"""The Dice of a validation."""

import numpy as np
import pytest

from tfregkit.training.callbacks.validation import dice


def test_mean_over_structures_without_the_background():
    fixed = np.array([0, 1, 1, 1, 2, 2, 0, 0])
    moved = np.array([0, 1, 1, 0, 2, 0, 2, 5])
    assert dice(fixed, moved) == pytest.approx(np.mean([2 * 2 / 5, 2 * 1 / 4, 0.0]))


def test_no_structure_at_all():
    assert np.isnan(dice(np.zeros(3, int), np.zeros(3, int)))
