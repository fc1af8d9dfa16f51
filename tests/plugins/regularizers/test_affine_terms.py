"""The terms of an affine's matrix, from their formulas in float64."""

import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.backend.gradients import gradients


def value(name, matrix):
    return ops.convert_to_numpy(tfregkit.build("regularizer", name)(matrix.astype("float32")))


def matrices(rank, seed=4, batch=3):
    rng = np.random.default_rng(seed)
    linear = np.eye(rank) + rng.normal(size=(batch, rank, rank)) / 4
    return np.concatenate([linear, 9 * rng.normal(size=(batch, rank, 1))], 2)


def rotations(rank):
    """Two rotations and a reflection."""
    q, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, rank, rank)))
    q[:, 0] *= (np.linalg.det(q) * [1, 1, -1])[:, None]
    return np.concatenate([q, 7 * np.ones((3, rank, 1))], 2)


def orthogonality(linear, e=1e-5):
    """As it is written: by the elementary symmetric polynomials of the eigenvalues of C."""
    rank = len(linear)
    polynomial = np.poly(np.linalg.eigvalsh(linear.T @ linear + e * np.eye(rank)))  # 1, -s1, s2[, -s3]
    return -polynomial[1] - (1 + e) ** 2 * polynomial[-2] / polynomial[-1] - 2 * rank * (1 + e)


@pytest.mark.parametrize("rank", [2, 3])
def test_are_their_formulas(rank):
    matrix = matrices(rank)
    np.testing.assert_allclose(
        value("orthogonality", matrix), [orthogonality(m[:, :rank]) for m in matrix], rtol=1e-3, atol=1e-4
    )
    expected = [(np.linalg.det(m[:, :rank]) - 1) ** 2 / 2 for m in matrix]
    np.testing.assert_allclose(value("determinant", matrix), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rank", [2, 3])
def test_rotations_and_translations_cost_nothing(rank):
    matrix = rotations(rank)
    np.testing.assert_allclose(value("orthogonality", matrix), 0, atol=2e-5)
    np.testing.assert_allclose(value("determinant", matrix), [0, 0, 2], atol=1e-5)


def test_scaling_by_s_costs_what_can_be_written_down():
    """C = s² I up to e: `N (s - 1/s)²` and `(s^N - 1)² / 2`."""
    matrix = np.concatenate([2 * np.eye(3), np.zeros((3, 1))], 1)[None]
    np.testing.assert_allclose(value("orthogonality", matrix), 3 * 1.5**2, rtol=1e-3)
    np.testing.assert_allclose(value("determinant", matrix), 49 / 2, rtol=1e-6)


@pytest.mark.parametrize("name", ["orthogonality", "determinant"])
@pytest.mark.parametrize("rank", [2, 3])
def test_gradients_are_finite_differences(name, rank):
    matrix, h = matrices(rank, batch=1), 1e-4
    formula = {
        "orthogonality": lambda m: orthogonality(m[0, :, :rank]),
        "determinant": lambda m: (np.linalg.det(m[0, :, :rank]) - 1) ** 2 / 2,
    }[name]
    term = tfregkit.build("regularizer", name)
    (found,) = gradients(lambda m: ops.sum(term(m)), matrix.astype("float32"))
    for index in np.ndindex(matrix.shape):
        step = np.zeros_like(matrix)
        step[index] = h
        expected = (formula(matrix + step) - formula(matrix - step)) / (2 * h)
        np.testing.assert_allclose(found[index], expected, rtol=5e-3, atol=5e-3)


def test_a_singular_matrix_costs_much_but_not_infinitely():
    matrix = np.concatenate([np.diag([1.0, 1.0, 0.0]), np.zeros((3, 1))], 1)[None]
    assert 1e4 < value("orthogonality", matrix)[0] < 1e6
