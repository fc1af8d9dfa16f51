"""`folds` and `sdlogj` against one determinant a voxel, closed forms, and the field that central differences miss."""

import numpy as np
import pytest
from references.cases import SHAPE, case
from references.metrics import determinant

from tfregkit_plugins.metrics.folds import Folds
from tfregkit_plugins.metrics.jacobian import jacobian_determinant
from tfregkit_plugins.metrics.sdlogj import SDLogJ

INDEX = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).astype(np.float32)


@pytest.mark.parametrize("scheme", ["central", "forward"])
def test_determinant_agrees_with_the_loop(scheme):
    field = case().displacement
    np.testing.assert_allclose(jacobian_determinant(field, scheme), determinant(field, scheme), atol=2e-5)
    flat = field[:, :, 4, :2]
    np.testing.assert_allclose(jacobian_determinant(flat, scheme), determinant(flat, scheme), atol=2e-5)


@pytest.mark.parametrize("scheme", ["central", "forward"])
def test_affine_field_has_one_determinant_everywhere(scheme):
    matrix = np.array([[0.1, 0.2, 0.0], [-0.1, 0.3, 0.05], [0.0, 0.1, -0.2]])
    field = INDEX @ matrix.T.astype(np.float32)
    np.testing.assert_allclose(jacobian_determinant(field, scheme), np.linalg.det(np.eye(3) + matrix), rtol=1e-4)
    pair = case(displacement=field)
    assert Folds(scheme=scheme)(pair) == {"": 0.0}
    assert SDLogJ(scheme=scheme)(pair)[""] == pytest.approx(0.0, abs=1e-4)


def test_folds_is_the_percentage_of_determinants_at_or_below_zero():
    pair = case(displacement=3.0 * case().displacement)
    for scheme in ("central", "forward"):
        expected = 100.0 * np.mean(determinant(pair.displacement, scheme) <= 0)
        assert 5.0 < expected < 95.0
        assert Folds(scheme=scheme)(pair)[""] == pytest.approx(expected)


def test_zero_determinant_counts_as_a_fold():
    field = np.zeros((*SHAPE, 3), np.float32)
    field[..., 1] = -INDEX[..., 1]  # everything collapses onto one plane
    assert Folds()(case(displacement=field)) == {"": 100.0}


def test_only_forward_differences_see_a_checkerboard():
    field = np.zeros((*SHAPE, 3), np.float32)
    field[..., 0] = 1.2 * (-1.0) ** INDEX.sum(-1)
    assert Folds(scheme="forward")(case(displacement=field))[""] > 40
    assert Folds(scheme="central")(case(displacement=field))[""] < 20


@pytest.mark.parametrize("scheme", ["central", "forward"])
def test_region_looks_at_the_mask_alone(scheme):
    mask = np.zeros(SHAPE, bool)
    mask[2:7, 3:9, 5:11] = True
    pair = case(displacement=3.0 * case().displacement, fixed_mask=mask.astype(np.float32))
    values = determinant(pair.displacement, scheme)
    values = values[mask[tuple(slice(0, n) for n in values.shape)]]
    assert Folds(scheme=scheme, region="mask")(pair)[""] == pytest.approx(100 * np.mean(values <= 0))
    expected = np.std(np.log(np.clip(values, 1e-9, None)))
    assert SDLogJ(scheme=scheme, region="mask")(pair)[""] == pytest.approx(expected, rel=1e-4)


def test_sdlogj_conventions():
    values = determinant(case().displacement, "central")
    assert SDLogJ()(case())[""] == pytest.approx(np.std(np.log(np.clip(values, 1e-9, None))), rel=1e-4)
    inner = values[2:-2, 2:-2, 2:-2]
    assert SDLogJ(convention="l2r")(case())[""] == pytest.approx(np.std(np.log(inner + 3)), rel=1e-4)


def test_before_registration_nothing_folds():
    pair = case(displacement=9.0 * case().displacement).before()
    assert (Folds()(pair), SDLogJ()(pair)) == ({"": 0.0}, {"": 0.0})


@pytest.mark.parametrize("scheme", ["central", "forward"])
def test_an_axis_of_one_voxel_has_no_derivative(scheme):
    field = case().displacement[:, :, 4:5]  # with no derivative along it the determinant is that of the slice
    flat = jacobian_determinant(field, scheme)
    np.testing.assert_allclose(flat[..., 0], determinant(field[:, :, 0, :2], scheme), atol=2e-5)
