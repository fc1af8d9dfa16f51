import numpy as np
import pytest
from backends import gradients
from keras import ops
from references import contrast

from tfregkit.ops.info_nce import info_nce

B, N, M, D = 2, 11, 17, 5


def unit(*shape, seed=0):
    rows = np.random.default_rng(seed).normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype("float32")


def loss(*arguments, **options):
    return ops.convert_to_numpy(info_nce(*arguments, **options))


@pytest.mark.parametrize("temperature", [0.007, 0.07, 1.0])
def test_agrees_with_the_definition(temperature):
    queries, keys = unit(B, N, D, seed=1), unit(B, M, D, seed=2)
    expected = [contrast.info_nce(q, k, temperature) for q, k in zip(queries, keys, strict=True)]
    np.testing.assert_allclose(loss(queries, keys, temperature), expected, rtol=2e-5)


def test_equal_vectors_give_log_of_their_number():
    rows = np.repeat(unit(1, 1, D), 1025, axis=1)
    np.testing.assert_allclose(loss(rows, rows, 0.007), np.log(1025), rtol=1e-5)
    assert abs(np.log(1025) - 6.9324) < 1e-4


def test_perfect_and_orthogonal_is_zero():
    rows = np.eye(13, dtype="float32")[None]
    np.testing.assert_allclose(loss(rows, rows, 0.007), 0, atol=1e-6)


def test_worst_value_is_bounded():
    queries = np.tile(unit(1, 1, D), (1, 1024, 1))
    keys = -queries.copy()
    keys[:, 1:] *= -1  # the first query's positive is opposite, its negatives are equal
    worst = contrast.info_nce(queries[0, :1], keys[0], 0.007)
    assert abs(worst - (2 / 0.007 + np.log(1023))) < 1e-3
    assert loss(queries[:, :1], keys, 0.007)[0] == pytest.approx(worst, rel=1e-5)
    assert worst < 2 / 0.007 + np.log(1025) < 292.7


def test_order_does_not_matter():
    queries, keys, order = unit(B, N, D, seed=3), unit(B, N, D, seed=4), np.random.default_rng(5).permutation(N)
    np.testing.assert_allclose(loss(queries[:, order], keys[:, order], 0.07), loss(queries, keys, 0.07), rtol=1e-5)


def test_invalid_rows_are_as_if_they_were_not_there():
    queries, keys = unit(B, N, D, seed=6), unit(B, N, D, seed=7)
    valid = np.ones((B, N), bool)
    valid[:, [2, 5]] = False
    expected = loss(queries[:, valid[0]], keys[:, valid[0]], 0.07)
    np.testing.assert_allclose(loss(queries, keys, 0.07, valid=valid), expected, rtol=1e-5)


@pytest.mark.parametrize("left", [0, 1])
def test_fewer_than_two_count_nothing(left):
    queries, keys, valid = unit(B, N, D, seed=8), unit(B, N, D, seed=9), np.zeros((B, N), bool)
    valid[:, :left] = True
    found, (slope,) = (
        loss(queries, keys, 0.07, valid=valid),
        gradients(lambda k: ops.sum(info_nce(queries, k, 0.07, valid=valid)), keys),
    )
    np.testing.assert_array_equal(found, np.zeros(B))
    np.testing.assert_array_equal(slope, np.zeros_like(slope))


def test_gradient_of_queries_and_keys():
    """Central differences in float64 of the definition; the key is not detached."""
    queries, keys, t, h = unit(1, 5, 3, seed=10), unit(1, 7, 3, seed=11), 0.5, 1e-5
    slopes = gradients(lambda q, k: ops.sum(info_nce(q, k, t)), queries, keys)
    for which, slope in enumerate(slopes):
        for place in np.ndindex(slope.shape[1:]):
            sides = []
            for sign in (1, -1):
                moved = [queries[0].astype(float), keys[0].astype(float)]
                moved[which][place] += sign * h
                sides.append(contrast.info_nce(*moved, t))
            assert slope[0][place] == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=2e-3, abs=1e-5)
