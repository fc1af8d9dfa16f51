import numpy as np
from backends import gradients
from keras import ops

from tfregkit.ops.unit import spread, unit


def rows(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def value(tensor):
    return ops.convert_to_numpy(tensor)


def test_unit_vectors_have_length_one_and_the_gradient_is_finite_at_zero():
    x = rows(2, 3, 5)
    np.testing.assert_allclose(value(unit(x)), x / np.linalg.norm(x, axis=-1, keepdims=True), rtol=1e-5)
    (slope,) = gradients(lambda y: ops.sum(unit(y)), 0 * x)
    assert np.isfinite(slope).all()


def test_spread_is_nothing_for_equal_and_one_for_orthogonal_vectors():
    equal = np.repeat(value(unit(rows(2, 1, 7))), 5, axis=1)
    np.testing.assert_allclose(value(spread(equal)), 0, atol=1e-3)
    np.testing.assert_allclose(value(spread(np.eye(5, 7, dtype="float32"))), 1, rtol=1e-6)
    np.testing.assert_allclose(value(spread(np.eye(3, dtype="float32") * [[1], [-1], [1]])), 1, rtol=1e-6)


def test_spread_is_the_standard_deviation_by_dimension():
    x = value(unit(rows(2, 11, 5)))
    expected = np.sqrt(x.astype(float).var(axis=1, ddof=1).sum(-1))  # root mean square, times sqrt(d)
    np.testing.assert_allclose(value(spread(x)), expected, rtol=1e-5)


def test_spread_of_random_directions_is_one_whatever_their_number():
    for n in (2, 8, 50):
        squares = value(spread(unit(rows(4000, n, 16, seed=n)))) ** 2
        assert abs(squares.mean() - 1) < 0.02


def test_spread_of_the_valid_ones():
    x, valid = value(unit(rows(3, 7, 5))), np.zeros((3, 7), bool)
    valid[0, [1, 3, 4]] = valid[1, 2] = True
    found = value(spread(x, valid))
    np.testing.assert_allclose(found[0], value(spread(x[0, [1, 3, 4]])), rtol=1e-5)
    np.testing.assert_array_equal(found[1:], 0)
