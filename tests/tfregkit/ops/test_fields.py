"""Grids, affines, composition, resizing, determinants and window sums."""

import numpy as np
import pytest
from backends import gradients, smooth_field
from keras import ops
from references import spatial
from scipy.ndimage import convolve

from tfregkit.ops import (
    affine_to_displacement,
    box_sum,
    compose,
    identity_grid,
    jacobian_determinant,
    resize_field,
    resize_image,
    warp,
)
from tfregkit.ops.resize import interpolate_axis


def numpy(x):
    return ops.convert_to_numpy(x)


def linear_displacement(matrix, shape):
    return spatial.linear_velocity(matrix, shape).astype("float32")


def test_identity_grid_counts_along_each_axis():
    grid = numpy(identity_grid((3, 5, 7)))
    assert grid.dtype == np.float32
    np.testing.assert_array_equal(grid, np.stack(np.indices((3, 5, 7)), -1))


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("square", [True, False])
def test_an_affine_moves_points_as_its_matrix_does(rank, centre, square):
    rng = np.random.default_rng(0)
    shape = (5, 7, 11)[:rank]
    matrix = np.concatenate([np.eye(rank) + rng.normal(size=(2, rank, rank)) / 5, rng.normal(size=(2, rank, 1))], 2)
    given = matrix
    if square:
        last = np.zeros((2, 1, rank + 1))
        last[..., -1] = 1
        given = np.concatenate([matrix, last], 1)
    points = np.stack(np.indices(shape), -1) - (np.array([(s - 1) / 2 for s in shape]) if centre else 0)
    expected = np.stack([points @ m[:, :rank].T + m[:, rank] - points for m in matrix])
    found = numpy(affine_to_displacement(given.astype("float32"), shape, centre))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_affine_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"must have shape \(B, 3, 4\) or \(B, 4, 4\)"):
        affine_to_displacement(np.zeros((1, 3, 3), "float32"), (5, 7, 11))


def test_composition_applies_the_first_field_first():
    shape = (23, 29, 31)
    # Different axes move by different rules: composing in the other order gives another result.
    first, second = linear_displacement(np.diag([0.1, 0.0, 0.0]), shape), np.zeros((1, *shape, 3), "float32")
    second[..., 0], second[..., 1] = 2, -1
    image = np.random.default_rng(0).normal(size=(1, *shape, 1)).astype("float32")
    image = spatial.warp(image, smooth_field(shape, 1.0, batch=1)).astype("float32")
    composed = numpy(compose(first, second))
    expected = second + spatial.warp(first, second)
    np.testing.assert_allclose(composed, expected, atol=1e-5)
    assert np.abs(composed - numpy(compose(second, first))).max() > 0.1
    whole = second.round()
    np.testing.assert_allclose(
        numpy(warp(warp(image, first), whole))[:, 2:-3, 2:-2, 2:-2],
        numpy(warp(image, compose(first, whole)))[:, 2:-3, 2:-2, 2:-2],
        atol=1e-5,
    )


def test_composition_of_many_is_from_the_right():
    a, b, c = (smooth_field((11, 13), 1.5, seed) for seed in range(3))
    expected = numpy(compose(a, numpy(compose(b, c))))
    np.testing.assert_allclose(numpy(compose(a, b, c)), expected, atol=1e-6)
    with pytest.raises(ValueError, match="`compose` needs at least one field"):
        compose()


@pytest.mark.parametrize(("old", "new"), [((5, 7, 11), (11, 13, 17)), ((11, 13, 17), (5, 7, 8)), ((5, 7), (7, 5))])
def test_resizing_aligns_corners_and_keeps_ramps(old, new):
    slopes = np.array([2.0, -3.0, 5.0])[: len(old)]
    ramp = np.stack([np.indices(old)], 0).astype("float32")[0]
    image = np.tensordot(slopes, ramp, 1)[None, ..., None].astype("float32")
    found = numpy(resize_image(image, new))[0, ..., 0]
    lines = [s * np.linspace(0, o - 1, n) for s, o, n in zip(slopes, old, new, strict=True)]
    expected = sum(np.meshgrid(*lines, indexing="ij"))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("old", "new"), [((9, 13, 17), (17, 25, 33)), ((17, 25, 33), (9, 13, 17))])
def test_a_resized_field_is_the_same_motion(old, new):
    matrix = np.random.default_rng(0).normal(size=(3, 3)) / 5
    scale = (np.array(new) - 1) / (np.array(old) - 1)
    # On the new grid x' = s x, the same linear motion reads u' = S A S^-1 x'.
    expected = linear_displacement(np.diag(scale) @ matrix @ np.diag(1 / scale), new)
    found = numpy(resize_field(linear_displacement(matrix, old), new))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_resizing_to_and_from_one_voxel_stays_finite():
    field = smooth_field((1, 7, 5), 2.0)
    up = numpy(resize_field(field, (3, 7, 5)))
    np.testing.assert_allclose(up[..., 0], np.repeat(3 * field[..., 0], 3, axis=1), rtol=1e-6)
    assert np.isfinite(numpy(resize_field(up, (1, 1, 1)))).all()
    with pytest.raises(ValueError, match="`shape` must have 3 sizes"):
        resize_field(field, (3, 7))


@pytest.mark.parametrize("new", [(11, 13, 29), (4, 5, 6)])
def test_the_gradient_of_resizing_is_its_adjoint(new):
    image = np.random.default_rng(0).normal(size=(2, 7, 9, 17, 3)).astype("float32")
    other = np.random.default_rng(1).normal(size=(2, *new, 3)).astype("float32")
    (adjoint,) = gradients(lambda image: ops.sum(ops.multiply(resize_image(image, new), other)), image)
    assert (adjoint * image).sum() == pytest.approx((numpy(resize_image(image, new)) * other).sum(), rel=1e-4)


def test_interpolation_along_one_axis_is_numpys():
    line = np.random.default_rng(0).normal(size=7).astype("float32")
    found = numpy(interpolate_axis(line[None, :, None], 1, 7, 19))[0, :, 0]
    np.testing.assert_allclose(found, np.interp(np.linspace(0, 6, 19), np.arange(7), line), atol=1e-6)


@pytest.mark.parametrize("rank", [2, 3])
def test_the_determinant_of_an_affine_is_that_of_its_matrix(rank):
    matrix = np.random.default_rng(0).normal(size=(rank, rank)) / 3
    found = numpy(jacobian_determinant(linear_displacement(matrix, (5, 7, 11)[:rank])))
    assert found.shape == (1, 4, 6, 10)[: rank + 1]
    np.testing.assert_allclose(found, np.linalg.det(np.eye(rank) + matrix), atol=1e-4)


def test_a_fold_has_determinant_minus_one():
    found = numpy(jacobian_determinant(linear_displacement(np.diag([0, -2.0, 0]), (5, 7, 11))))
    np.testing.assert_allclose(found, -1, atol=1e-5)


@pytest.mark.parametrize("shape", [(7, 11, 13), (11, 13)])
@pytest.mark.parametrize("window", [1, 3, 9, 23])
def test_window_sums_are_convolutions_with_ones(shape, window):
    x = np.random.default_rng(0).normal(size=(2, *shape, 3)).astype("float32")
    kernel = np.ones((1, *[window] * len(shape), 1))
    expected = convolve(x.astype(float), kernel, mode="constant")
    np.testing.assert_allclose(numpy(box_sum(x, window)), expected, atol=1e-3)


def test_a_window_sum_is_its_own_adjoint():
    x, y = np.random.default_rng(0).normal(size=(2, 1, 7, 11, 13, 2)).astype("float32")
    (adjoint,) = gradients(lambda x: ops.sum(ops.multiply(box_sum(x, 5), y)), x)
    np.testing.assert_allclose(adjoint, numpy(box_sum(y, 5)), atol=1e-4)


@pytest.mark.parametrize("window", [0, 4, -3, 2.5])
def test_windows_are_odd(window):
    with pytest.raises(ValueError, match=f"`window` must be odd and positive. Received: window={window}"):
        box_sum(np.zeros((1, 5, 7, 1), "float32"), window)
