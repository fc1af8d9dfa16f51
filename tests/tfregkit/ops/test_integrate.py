import numpy as np
import pytest
from backends import gradients, smooth_field
from keras import ops
from references import spatial

from tfregkit.ops import compose, integrate

A = np.array([[0.03, -0.08, 0.02], [0.05, 0.01, -0.04], [-0.02, 0.06, -0.05]])


def numpy(x):
    return ops.convert_to_numpy(x)


def inner(field, border):
    return field[(slice(None), *[slice(border, -border)] * (field.ndim - 2))]


@pytest.mark.parametrize("method", ["scaling_squaring", "euler"])
def test_a_constant_velocity_is_its_own_displacement(method):
    v = np.broadcast_to(np.float32([1.5, -0.25, 3]), (2, 7, 11, 13, 3))
    np.testing.assert_allclose(numpy(integrate(v, 5, method)), v, rtol=1e-5)


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize(("method", "steps", "power"), [("scaling_squaring", 7, 128), ("euler", 6, 6)])
def test_a_linear_velocity_has_a_closed_form(rank, method, steps, power):
    shape, a = (17, 19, 23)[:rank], A[:rank, :rank]
    v = spatial.linear_velocity(a, shape)
    growth = np.linalg.matrix_power(np.eye(rank) + a / power, power) - np.eye(rank)
    expected = spatial.linear_velocity(growth, shape)
    found = numpy(integrate(v.astype("float32"), steps, method))
    np.testing.assert_allclose(inner(found, 4), inner(expected, 4), atol=1e-4)


def test_scaling_and_squaring_approaches_the_matrix_exponential():
    from scipy.linalg import expm

    shape = (17, 19, 23)
    exact = spatial.linear_velocity(expm(A) - np.eye(3), shape)
    v = spatial.linear_velocity(A, shape).astype("float32")
    error = [np.abs(inner(numpy(integrate(v, steps)) - exact, 4)).max() for steps in (2, 4, 6)]
    assert error[0] > 3.5 * error[1] > 12 * error[2]  # O(2^-steps)


@pytest.mark.parametrize("shape", [(11, 13, 17), (13, 17)])
@pytest.mark.parametrize("largest", [0.7, 6.0])
def test_agrees_with_the_reference(shape, largest):
    v = smooth_field(shape, largest)
    np.testing.assert_allclose(numpy(integrate(v, 5)), spatial.scaling_squaring(v, 5), atol=3e-5)


def test_zero_steps_return_the_velocity():
    v = smooth_field((7, 11, 13), 2.0)
    np.testing.assert_array_equal(numpy(integrate(v, 0)), v)


def test_the_integral_of_minus_v_is_the_inverse():
    v = smooth_field((23, 29, 31), 3.0)
    there = np.abs(inner(numpy(integrate(v)), 4)).mean()
    back = np.abs(inner(numpy(compose(integrate(v), integrate(-v))), 4)).mean()
    assert back < 0.05  # what interpolation leaves
    assert back < 0.15 * there


@pytest.mark.parametrize("largest", [0.9, 5.0])
def test_gradient_agrees_with_differences(largest):
    v = smooth_field((7, 11, 13), largest)
    rng = np.random.default_rng(1)
    weight, direction = rng.normal(size=(2, *v.shape)).astype("float32")
    (found,) = gradients(lambda v: ops.sum(ops.multiply(integrate(v, 4), weight)), v)
    step = 1e-6
    change = spatial.scaling_squaring(v + step * direction.astype(float), 4)
    change -= spatial.scaling_squaring(v - step * direction.astype(float), 4)
    expected = (change * weight).sum() / (2 * step)
    assert (found * direction).sum() == pytest.approx(expected, rel=2e-3)


def test_nan_goes_through():
    v = smooth_field((7, 11, 13), 2.0)
    v[0, 3, 5, 7] = np.nan
    found = numpy(integrate(v))
    assert np.isnan(found[0, 3, 5, 7]).all()
    assert np.isfinite(found[1]).all()


def test_half_precision_is_integrated_in_float32():
    v = smooth_field((7, 11, 13), 2.0)
    found = numpy(integrate(ops.cast(v, "float16")))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, spatial.scaling_squaring(v.astype("float16"), 7), atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "rk4"}, "`method` must be 'scaling_squaring' or 'euler'. Received: method='rk4'"),
        ({"steps": -1}, "`steps` must be a whole number of at least 0 for scaling_squaring. Received: steps=-1"),
        ({"steps": 0, "method": "euler"}, "`steps` must be a whole number of at least 1 for euler"),
        ({"steps": 2.5}, "`steps` must be a whole number"),
        ({"velocity": np.zeros((1, 5, 7, 3))}, "`velocity` must have 2 components"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        integrate(**{"velocity": np.zeros((1, 5, 7, 2), "float32"), **arguments})
