import numpy as np
import pytest
from keras import ops
from references.fields import linear, rough

import tfregkit
from tfregkit.ops import integrate


def folding(field):
    return ops.convert_to_numpy(tfregkit.build("regularizer", "negative_jacobian")(field))


@pytest.mark.parametrize("shape", [(5, 7, 11), (13, 7)])
def test_affine_map_that_folds_costs_its_determinant(shape):
    rank = len(shape)
    a = 0.2 * np.random.default_rng(1).normal(size=(rank, rank))
    a[0] -= 2.5 * np.eye(rank)[0]
    determinant = np.linalg.det(np.eye(rank) + a)
    assert determinant < 0
    np.testing.assert_allclose(folding(linear(a, shape, offset=1)), -determinant, rtol=1e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_reflection_along_any_axis_costs_one(axis):
    a = np.zeros((3, 3))
    a[axis, axis] = -2
    np.testing.assert_allclose(folding(linear(a)), 1, rtol=1e-5)


def test_maps_that_do_not_fold_cost_nothing():
    assert np.all(folding(0.05 * rough()) == 0)


def test_mean_runs_over_all_cells():
    field = rough()
    derivative = np.stack(
        [np.diff(field.astype(float), axis=a)[:, :4, :6, :10] for a in (1, 2, 3)], -1
    )  # (B, cells, k, axis)
    determinants = np.linalg.det(derivative + np.eye(3))
    np.testing.assert_allclose(folding(field), np.maximum(0, -determinants).mean((1, 2, 3)), rtol=1e-5)


def test_slip_of_equation_12_a_velocity_may_fold_where_its_flow_does_not():
    """Of Liu et al. 2022, printed with J_v: a strong contraction has det(1 + dv) < 0, and its flow is invertible."""
    velocity = linear(np.diag([-2.2, 0.1, 0.0])).astype("float32")
    assert np.all(folding(velocity) > 1)
    np.testing.assert_array_equal(folding(ops.convert_to_numpy(integrate(velocity))), 0)
