import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.fields import grid, linear, matrix, rough

import tfregkit


def bending(field):
    return ops.convert_to_numpy(tfregkit.build("regularizer", "bending")(field))


@pytest.mark.parametrize("shape", [(5, 7, 11), (13, 7)])
def test_affine_fields_cost_nothing(shape):
    assert np.all(bending(linear(matrix(len(shape)), shape, offset=2)) < 1e-10)


def test_quadratic_fields_cost_their_second_derivatives():
    x, y, z = np.moveaxis(grid(), -1, 0)
    field = np.stack([0.3 * x**2, 0.2 * y * z, -0.1 * x * z], -1)[None].astype(np.float32)
    pure, mixed = 0.6**2, 0.2**2 + 0.1**2
    np.testing.assert_allclose(bending(field), (pure + 2 * mixed) / 3, rtol=1e-4)


def test_sees_a_checkerboard():
    """Central differences applied twice would not."""
    board = (-1.0) ** grid().sum(-1)
    field = np.stack([board] * 3, -1)[None].astype(np.float32)
    np.testing.assert_allclose(bending(field), 3 * 16 + 2 * 3 * 16, rtol=1e-5)


def test_does_not_depend_on_the_order_of_the_axes():
    field = rough()
    turned = np.transpose(field, (0, 3, 1, 2, 4))[..., [2, 0, 1]]
    np.testing.assert_allclose(bending(turned), bending(field), rtol=1e-5)


@pytest.mark.parametrize(("name", "parameters"), [("bending", {}), ("diffusion", {}), ("diffusion", {"penalty": "l1"})])
@pytest.mark.parametrize("shape", [(3, 5, 7), (7, 5)])
def test_closed_form_gradient_agrees_with_finite_differences(name, parameters, shape):
    term = tfregkit.build("regularizer", name, **parameters)
    field, direction = rough(shape, seed=1), rough(shape, seed=2)
    weights = np.array([1.0, -3.0], np.float32)
    (slope,) = gradients(lambda u: ops.sum(ops.multiply(term(u), weights)), field)
    step = 1e-3
    ahead, behind = (np.dot(ops.convert_to_numpy(term(field + s * direction)), weights) for s in (step, -step))
    np.testing.assert_allclose(np.sum(slope * direction), (ahead - behind) / (2 * step), rtol=1e-2)
