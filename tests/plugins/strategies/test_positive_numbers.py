"""Adam on numbers that stay positive."""

import numpy as np
import pytest
from backends import tensorflow_only
from keras import ops

from tfregkit.backend.loop import compiled
from tfregkit_plugins.strategies.positive_numbers import PositiveNumbers

OPTIONS = {"learning_rate": 0.03, "beta_1": 0.5, "beta_2": 0.999}
FIRST = [0.02, 1.0, 40.0]


def numbers(mapping, **options):
    return PositiveNumbers(FIRST, mapping=mapping, **{**OPTIONS, **options})


def step(made, gradient, **options):
    return ops.convert_to_numpy(made.descend(ops.convert_to_tensor(np.array(gradient, "float32")), **options))


@pytest.mark.parametrize("mapping", ["exp", "softplus"])
def test_begins_with_the_numbers_given(mapping):
    np.testing.assert_allclose(ops.convert_to_numpy(numbers(mapping).values()), FIRST, rtol=1e-5)


@pytest.mark.parametrize("mapping", ["exp", "softplus"])
def test_steps_are_those_of_adam_on_theta(mapping):
    """In float64, from algorithm 1."""
    made, rng = numbers(mapping), np.random.default_rng(2)
    theta = np.log(FIRST) if mapping == "exp" else np.log(np.expm1(FIRST))
    first, second = np.zeros(3), np.zeros(3)
    for t in range(1, 6):
        gradient = rng.normal(size=3)
        slope = gradient * (np.exp(theta) if mapping == "exp" else 1 / (1 + np.exp(-theta)))
        first, second = 0.5 * first + 0.5 * slope, 0.999 * second + 0.001 * slope**2
        theta = theta - 0.03 * (first / (1 - 0.5**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-12)
        expected = np.exp(theta) if mapping == "exp" else np.log1p(np.exp(theta))
        np.testing.assert_allclose(step(made, gradient), expected, rtol=2e-4)


@tensorflow_only  # whose graph takes a thousand steps in no time
@pytest.mark.parametrize("mapping", ["exp", "softplus"])
def test_positive_after_a_thousand_adversarial_steps(mapping):
    """Gradients that push down as hard as they can, however small the numbers are, and then up."""
    made, found = numbers(mapping, learning_rate=0.2), np.array(FIRST)
    descend = compiled(made.descend)
    for number in range(1000):
        gradient = (1 if number < 800 else -1) * np.array([1e6, 1.0, 1.0 + number % 7]) / found
        found = ops.convert_to_numpy(descend(ops.convert_to_tensor(gradient.astype("float32"))))
        assert (found > 0).all()
        assert np.isfinite(found).all()
        if number == 799:
            assert (found < 1e-20).all()
    assert (found > 1e-20).all()


def test_small_gradients_move_as_large_ones_do():
    """Hypergradients of 1e-9 and less are nothing unusual: a learning rate times a product of two gradients."""
    moved = [step(numbers("exp"), gradient) for gradient in ([1.0, 1.0, -1.0], [1e-9, 1e-9, -1e-9])]
    np.testing.assert_allclose(moved[1], moved[0], rtol=2e-3)
    np.testing.assert_allclose(moved[0], np.array(FIRST) * np.exp([-0.03, -0.03, 0.03]), rtol=1e-4)


def test_a_gradient_that_is_not_finite_is_skipped_where_that_is_asked_for():
    made = numbers("exp")
    step(made, [1.0, -2.0, 0.5])
    before = [ops.convert_to_numpy(v).copy() for v in made.variables]
    found = step(made, [1.0, np.inf, 0.5], skip_non_finite=True)
    for variable, value in zip(made.variables, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), value)
    assert np.isfinite(found).all()
    assert np.isnan(step(made, [1.0, np.nan, 0.5])).any()


def test_nothing_of_it_is_trained():
    made = numbers("exp")
    assert made.trainable_variables == []
    assert len(made.variables) == 4
