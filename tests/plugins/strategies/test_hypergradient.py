"""The hypergradient against closed forms and differences of the composed function in float64."""

import numpy as np
import pytest
from keras import ops

from tfregkit_plugins.strategies.hypergradient import hypergradient

A, B, W, LAM, RATE = 1.0, 0.3, 0.8, 0.5, 0.1


def tensors(*values):
    return [ops.convert_to_tensor(np.float32(value)) for value in values]


def lower(w, v):
    return 0.5 * ops.square(w[0] - A) + 0.5 * v[0] * ops.square(w[0])


def upper(w, v):
    return 0.5 * ops.square(w[0] - B)


def numbers(found):
    return [float(ops.convert_to_numpy(value)) for value in found]


def composed(lam, explicit=False):
    w = W - RATE * ((W - A) + lam * W)
    return 0.5 * (w - B) ** 2 + (0.5 * lam * w**2 if explicit else 0.0)


@pytest.mark.parametrize(("epsilon", "relative"), [(0.01, True), (0.3, True), (RATE, False)])
def test_a_quadratic_has_the_closed_form_whatever_the_move(epsilon, relative):
    """`-eta w0 (w1 - b)` with `w1 = w0 - eta ((w0 - a) + lambda w0) = 0.78`: -0.0384."""
    found = hypergradient(lower, upper, tensors(W), tensors(LAM), rate=RATE, epsilon=epsilon, relative=relative)
    np.testing.assert_allclose(numbers(found), [-0.0384], rtol=2e-4 if epsilon > 0.05 else 3e-3)


def test_the_closed_form_is_the_derivative_of_the_composed_function():
    move = 1e-6
    assert pytest.approx(-0.0384, rel=1e-12) == -RATE * W * (0.78 - B)
    assert (composed(LAM + move) - composed(LAM - move)) / (2 * move) == pytest.approx(-0.0384, rel=1e-8)


def test_the_explicit_derivative_is_added_where_it_is_asked_for():
    """An upper objective with the learned number in it; its own derivative is the value of the term, 0.5 w1^2."""

    def contains(w, v):
        return upper(w, v) + 0.5 * v[0] * ops.square(w[0])

    options = {"rate": RATE, "epsilon": 0.3}
    found = hypergradient(lower, contains, tensors(W), tensors(LAM), explicit=True, **options)
    move = 1e-6
    whole = (composed(LAM + move, True) - composed(LAM - move, True)) / (2 * move)
    np.testing.assert_allclose(numbers(found), [whole], rtol=1e-3)
    without = hypergradient(lower, contains, tensors(W), tensors(LAM), **options)
    np.testing.assert_allclose(numbers(found)[0] - numbers(without)[0], 0.5 * 0.78**2, rtol=1e-3)


def test_several_weights_of_other_shapes_and_numbers_that_enter_as_they_like():
    """Against differences of the composed function, in float64, with a term that is not linear in its number."""
    rng = np.random.default_rng(3)
    w0 = [rng.normal(size=(2, 3)), rng.normal(size=5)]
    v0, aims = np.array([0.7, 1.9]), [rng.normal(size=(2, 3)), rng.normal(size=5)]

    def below(w, v, m):
        fits = sum(m.sum((x - a) ** 2) for x, a in zip(w, aims, strict=True))
        return v[0] * fits + m.sum(m.exp(v[1] * w[1])) * 0.1 + m.sum(w[0] ** 4) / v[1]

    def above(w, m):
        return m.sum(m.sin(w[0])) + m.sum(w[1] ** 3)

    def slope(w, v):
        return [
            2 * v[0] * (w[0] - aims[0]) + 4 * w[0] ** 3 / v[1],
            2 * v[0] * (w[1] - aims[1]) + 0.1 * v[1] * np.exp(v[1] * w[1]),
        ]

    def after(v):
        return above([w - 0.05 * g for w, g in zip(w0, slope(w0, v), strict=True)], np)

    expected = [(after(v0 + e) - after(v0 - e)) / 2e-5 for e in 1e-5 * np.eye(2)]
    aims_32 = [a.astype("float32") for a in aims]
    aims = [ops.convert_to_tensor(a) for a in aims_32]
    found = hypergradient(
        lambda w, v: below(w, v, ops), lambda w, v: above(w, ops), tensors(*w0), tensors(*v0), rate=0.05, epsilon=0.03
    )
    np.testing.assert_allclose(numbers(found), expected, rtol=5e-3)


def test_scaling_the_losses_changes_nothing():
    plain, scaled = (
        numbers(hypergradient(lower, upper, tensors(W), tensors(LAM), rate=RATE, epsilon=0.3, scale=scale))
        for scale in (1.0, 1024.0)
    )
    np.testing.assert_allclose(scaled, plain, rtol=1e-3)


def test_where_nothing_depends_on_anything():
    """An upper objective that no weight changes: zero, not NaN."""
    found = hypergradient(lower, lambda w, v: 0.0 * w[0], tensors(W), tensors(LAM), rate=RATE, epsilon=0.01)
    assert numbers(found) == [0.0]
