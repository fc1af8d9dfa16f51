import numpy as np
import pytest
from backends import gradients
from keras import ops
from references import spatial

from tfregkit.ops import warp

SHAPES = [(7, 11, 13), (11, 13)]


def case(shape, amplitude=3.0, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(2, *shape, channels)).astype("float32")
    displacement = (rng.normal(size=(2, *shape, len(shape))) * amplitude).astype("float32")
    return image, displacement


def numpy(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("shape", SHAPES)
def test_linear_agrees_with_scipy_inside_and_outside(shape):
    image, u = case(shape, amplitude=6.0)
    np.testing.assert_allclose(numpy(warp(image, u)), spatial.warp(image, u), atol=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_nearest_rounds_halves_up_and_keeps_labels(shape):
    image, u = case(shape)
    labels = np.round(image * 10).astype("int32")
    u.flat[:20] = 0.5
    index = [
        np.clip(np.floor(axis + u[..., k] + np.float32(0.5)), 0, size - 1).astype(int)
        for k, (axis, size) in enumerate(zip(np.indices(shape), shape, strict=True))
    ]
    batch = np.arange(2).reshape(-1, *[1] * len(shape))
    moved = numpy(warp(labels, u, interpolation="nearest"))
    assert moved.dtype == np.int32
    np.testing.assert_array_equal(moved, labels[(batch, *index)])


@pytest.mark.parametrize("shape", SHAPES)
def test_zero_displacement_is_the_identity_bit_for_bit(shape):
    image, u = case(shape)
    np.testing.assert_array_equal(numpy(warp(image, np.zeros_like(u))), image)


def test_whole_voxels_shift_each_axis_by_its_own_component():
    image, u = case((7, 11, 13))
    u[:] = (1, -2, 3)
    moved = numpy(warp(image, u))
    expected = np.roll(image, (-1, 2, -3), axis=(1, 2, 3))
    np.testing.assert_array_equal(moved[:, :6, 2:, :10], expected[:, :6, 2:, :10])


def test_a_ramp_with_a_slope_per_axis_is_reproduced_exactly():
    x, y, z = np.indices((7, 11, 13)).astype("float32")
    ramp = (2 * x - 3 * y + 5 * z)[None, ..., None]
    u = np.random.default_rng(0).uniform(-0.9, 0.9, size=(1, 7, 11, 13, 3)).astype("float32")
    expected = ramp[..., 0] + u @ np.array([2, -3, 5], "float32")
    moved = numpy(warp(ramp, u))[..., 0]
    inner = (slice(None), *[slice(1, -1)] * 3)
    np.testing.assert_allclose(moved[inner], expected[inner], atol=2e-5)


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_a_fill_value_replaces_whatever_has_a_coordinate_outside(interpolation):
    image, u = case((7, 11, 13))
    moved = numpy(warp(image, u, interpolation, fill=-7.0))
    positions = np.stack(np.indices((7, 11, 13)), -1).astype("float32") + u
    outside = ((positions < 0) | (positions > np.array([6, 10, 12]))).any(-1)
    assert 0.1 < outside.mean() < 0.9
    assert (moved[outside] == -7).all()
    np.testing.assert_array_equal(moved[~outside], numpy(warp(image, u, interpolation))[~outside])


def test_nan_comes_out_where_it_went_in_and_nowhere_else():
    image, u = case((7, 11, 13))
    u[1, 3, 5, 7, 2] = np.nan
    moved = numpy(warp(image, u))
    assert np.isnan(moved[1, 3, 5, 7]).all()
    assert np.isnan(moved).sum() == 3
    assert np.isfinite(numpy(warp(image, u, interpolation="nearest"))).all()


def test_the_output_has_the_displacements_grid():
    image, _ = case((7, 11, 13))
    u = np.random.default_rng(1).normal(size=(2, 5, 3, 17, 3)).astype("float32")
    np.testing.assert_allclose(numpy(warp(image, u)), spatial.warp(image, u), atol=1e-5)


def test_an_axis_of_one_voxel():
    image, u = case((1, 5, 7))
    np.testing.assert_allclose(numpy(warp(image, u)), spatial.warp(image, u), atol=1e-5)
    (slope,) = gradients(lambda u: ops.sum(warp(image, u)), u)
    assert (slope[..., 0] == 0).all()
    assert (slope[..., 1:] != 0).any()


def test_half_precision_images_are_sampled_in_float32():
    image, u = case((7, 11, 13))
    moved = numpy(warp(ops.cast(image, "float16"), u))
    assert moved.dtype == np.float16
    exact = spatial.warp(image.astype("float16"), u)
    np.testing.assert_allclose(moved, exact, atol=2e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_to_the_displacement_agrees_with_differences(shape):
    image, _ = case(shape)
    rng = np.random.default_rng(2)
    # Fractions away from whole voxels: within a cell the value is linear in each component, so differences are exact.
    u = rng.integers(-2, 3, size=(2, *shape, len(shape))) + rng.uniform(0.2, 0.8, size=(2, *shape, len(shape)))
    u = u.astype("float32")
    weight = rng.normal(size=image.shape).astype("float32")
    (found,) = gradients(lambda u: ops.sum(ops.multiply(warp(image, u), weight)), u)
    for axis in range(len(shape)):
        step = np.zeros(len(shape), "float32")
        step[axis] = 0.125
        change = spatial.warp(image, u + step) - spatial.warp(image, u - step)
        np.testing.assert_allclose(found[..., axis], (change * weight).sum(-1) / 0.25, atol=1e-4)


def test_no_gradient_where_the_position_is_outside():
    image, u = case((7, 11, 13))
    u[..., 1] = 50
    (found,) = gradients(lambda u: ops.sum(warp(image, u)), u)
    assert (found[..., 1] == 0).all()
    assert (found[..., 0] != 0).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_to_the_image_is_the_adjoint(shape):
    image, u = case(shape)
    other = np.random.default_rng(3).normal(size=image.shape).astype("float32")
    (splat,) = gradients(lambda image: ops.sum(ops.multiply(warp(image, u), other)), image)
    np.testing.assert_allclose((image * splat).sum(), (numpy(warp(image, u)) * other).sum(), rtol=1e-4)
    assert splat.sum() == pytest.approx(other.sum(), abs=1e-3)  # weights of a position sum to one


def test_image_gradient_can_be_left_out():
    image, u = case((7, 11, 13))
    to_image, to_field = gradients(lambda i, u: ops.sum(warp(i, u, image_gradient=False) ** 2), image, u)
    assert (to_image == 0).all()
    (expected,) = gradients(lambda u: ops.sum(warp(image, u) ** 2), u)
    np.testing.assert_allclose(to_field, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"displacement": np.zeros((2, 7, 11, 13, 2))}, r"`displacement` must have 3 components on its last axis"),
        ({"displacement": np.zeros((2, 7, 11, 2))}, "must have the same number of spatial axes"),
        ({"image": np.zeros((7, 11, 13))}, r"`image` must have shape \(B, X, Y\[, Z\], C\)"),
        ({"interpolation": "cubic"}, "`interpolation` must be 'linear' or 'nearest'. Received: interpolation='cubic'"),
        ({"fill": "zeros"}, "`fill` must be 'edge' or a number. Received: fill='zeros'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    image, displacement = case((7, 11, 13))
    with pytest.raises(ValueError, match=message):
        warp(**{"image": image, "displacement": displacement, **arguments})
