"""Affines against NumPy's matrices in float64."""

import numpy as np
import pytest
from backends import gradients, smooth_field
from keras import ops

from tfregkit.ops import affine_to_displacement, compose, compose_affine, invert_affine, resize_affine, resize_field
from tfregkit.ops.small_matrix import determinant, inverse

SHAPES = ((13, 17), (11, 13, 17))


def numpy(x):
    return ops.convert_to_numpy(x)


def matrices(rank, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    linear = np.eye(rank) + rng.normal(size=(batch, rank, rank)) / 5
    return np.concatenate([linear, rng.normal(size=(batch, rank, 1))], 2).astype("float32")


@pytest.mark.parametrize("rank", [2, 3])
def test_determinant_and_inverse_are_numpys(rank):
    matrix = np.random.default_rng(1).normal(size=(2, 5, rank, rank)).astype("float32")
    np.testing.assert_allclose(numpy(determinant(matrix)), np.linalg.det(matrix.astype(float)), atol=1e-5)
    np.testing.assert_allclose(numpy(inverse(matrix)), np.linalg.inv(matrix.astype(float)), rtol=1e-3, atol=1e-4)


def test_a_singular_matrix_raises_nothing():
    assert not np.isfinite(numpy(inverse(np.ones((1, 3, 3), "float32")))).any()
    with pytest.raises(ValueError, match=r"must have shape \(..., 2, 2\) or \(..., 3, 3\)"):
        determinant(np.ones((1, 3, 4), "float32"))


@pytest.mark.parametrize("rank", [2, 3])
def test_the_inverse_undoes_the_affine(rank):
    matrix, point = matrices(rank), np.random.default_rng(2).normal(size=(2, rank, 1))
    back = numpy(invert_affine(matrix))
    there = matrix[:, :, :rank] @ point + matrix[:, :, rank:]
    np.testing.assert_allclose(back[:, :, :rank] @ there + back[:, :, rank:], point, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_point_goes_by_the_displacement_first_and_by_the_affine_then(shape):
    """`p -> A (p - c + d(p)) + b + c`, not the other order."""
    rank = len(shape)
    matrix, displacement = matrices(rank), smooth_field(shape, 3.0)
    centre = np.array([(size - 1) / 2 for size in shape])
    places = np.moveaxis(np.indices(shape), 0, -1) - centre
    expected, other = [], []
    for m, d in zip(matrix.astype(float), displacement, strict=True):
        linear, shift = m[:, :rank], m[:, rank]
        expected.append((places + d) @ linear.T + shift - places)
        other.append(places @ linear.T + shift + d - places)
    found = numpy(compose_affine(matrix, displacement))
    np.testing.assert_allclose(found, np.stack(expected), atol=2e-5)
    assert np.abs(found - np.stack(other)).max() > 0.1


def test_it_is_the_composition_of_the_dense_fields_where_nothing_leaves_the_grid():
    shape = (23, 29, 31)
    matrix, displacement = matrices(3, batch=1), smooth_field(shape, 2.0, batch=1)
    dense = numpy(compose(affine_to_displacement(matrix, shape), displacement))
    inner = (0, *[slice(3, -3)] * 3)
    np.testing.assert_allclose(numpy(compose_affine(matrix, displacement))[inner], dense[inner], atol=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_resized_affine_moves_as_its_resized_displacement(shape):
    matrix, coarse = matrices(len(shape)), tuple(size // 2 for size in shape)
    expected = resize_field(affine_to_displacement(matrix, shape), coarse)
    found = affine_to_displacement(resize_affine(matrix, shape, coarse), coarse)
    np.testing.assert_allclose(numpy(found), numpy(expected), atol=2e-5)


def test_gradients_of_the_composition_are_those_of_its_formula():
    """`d<g, u>/dA_ij = Σ_p g_i (x_j + d_j)`, `/db_i = Σ_p g_i`, `/dd = Aᵀ g`."""
    shape = (5, 7, 11)
    matrix, displacement = matrices(3, batch=1), smooth_field(shape, 2.0, batch=1)
    g = np.random.default_rng(3).normal(size=displacement.shape).astype("float32")
    weight = ops.convert_to_tensor(g)
    by_matrix, by_field = gradients(lambda m, d: ops.sum(weight * compose_affine(m, d)), matrix, displacement)
    places = np.moveaxis(np.indices(shape), 0, -1) - [(size - 1) / 2 for size in shape] + displacement[0]
    expected = np.einsum("xyzi,xyzj->ij", g[0].astype(float), places)
    np.testing.assert_allclose(by_matrix[0, :, :3], expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(by_matrix[0, :, 3], g.sum((0, 1, 2, 3)), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(by_field, g @ matrix[0, :, :3], atol=1e-5)
