import numpy as np
import pytest
from backends import gradients
from keras import ops
from references import mixcl

from tfregkit.ops.cross_correlation import cross_correlation, departures

SHAPE = (2, 5, 7, 11)


def maps(channels=3, seed=0, offset=0.0):
    """Two views that have something in common, with channels of other sizes and offsets."""
    rng = np.random.default_rng(seed)
    shared, sizes = rng.normal(size=(*SHAPE, channels)), np.arange(1, channels + 1)
    views = [shared + 0.5 * rng.normal(size=shared.shape) for _ in range(2)]
    return [(view * sizes + offset).astype("float32") for view in views]


def matrix(first, second, **options):
    return ops.convert_to_numpy(cross_correlation(first, second, **options))


def rows(x):
    return x.reshape(-1, x.shape[-1])


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_agrees_with_equation_5(center, offset):
    first, second = maps(offset=offset)
    expected = mixcl.cross_correlation(rows(first), rows(second), center)
    np.testing.assert_allclose(matrix(first, second, center=center), expected, atol=2e-5)


def test_a_common_offset_correlates_all_channels_unless_they_are_centred():
    first, second = maps(offset=30.0)
    off = ~np.eye(3, dtype=bool)
    assert matrix(first, second, center=False)[off].min() > 0.95
    assert np.abs(matrix(first, second)[off]).max() < 0.1


def test_of_two_dimensional_images_and_half_precision():
    first, second = (ops.cast(x[:, 0], "bfloat16") for x in maps())
    expected = mixcl.cross_correlation(*(rows(ops.convert_to_numpy(ops.cast(x, "float32"))) for x in (first, second)))
    np.testing.assert_allclose(matrix(first, second), expected, atol=2e-5)


def test_identical_whitened_views_leave_about_c_squared_over_m():
    """Sampling noise is all that is left: M C_ij^2 is 1 on average, C (C - 1) of them."""
    x = np.random.default_rng(1).normal(size=(1, 8, 16, 32, 13)).astype("float32")
    diagonal, others = (float(ops.convert_to_numpy(v)) for v in departures(cross_correlation(x, x)))
    assert diagonal < 1e-9
    assert others == pytest.approx(13 * 12 / 4096, rel=0.3)


def loss(first, second):
    diagonal, others = departures(cross_correlation(first, second))
    return float(ops.convert_to_numpy(diagonal + 5e-3 * others))


def test_departures_are_the_sums_of_equation_4_with_its_index_corrected():
    first, second = maps()
    assert loss(first, second) == pytest.approx(mixcl.identity_loss([(rows(first), rows(second))], 5e-3), rel=1e-4)
    slip = [float(ops.convert_to_numpy(v)) for v in departures(np.eye(3, dtype="float32"))]
    assert slip == [0, 0]  # as printed, with C_ii twice, the second sum would be 2 * 3


def test_permuting_the_channels_of_both_views_changes_nothing():
    first, second = maps(5)
    order = [3, 0, 4, 1, 2]
    assert loss(first[..., order], second[..., order]) == pytest.approx(loss(first, second), rel=1e-5)
    assert loss(first[..., order], second) > loss(first, second) + 1


def test_the_sign_of_a_channel_in_both_views_changes_nothing():
    first, second = maps()
    signs = np.array([1, -1, 1], "float32")
    assert loss(first * signs, second * signs) == pytest.approx(loss(first, second), rel=1e-5)
    assert loss(first * signs, second) > loss(first, second) + 1


def test_a_million_voxels_far_from_0():
    """TensorFlow's sum of as many along one axis is wrong in the third digit, by more than their deviation here."""
    x, y = np.random.default_rng(5).normal(size=(2, 1, 96, 96, 96, 2)).astype("float32") + np.float32(1000)
    expected = np.corrcoef(rows(x), rows(y), rowvar=False)[:2, 2:]
    np.testing.assert_allclose(matrix(x, y), expected, atol=1e-4)


@pytest.mark.parametrize("constant", [0.0, 3.7, 1e3])
def test_a_dead_channel_is_0_and_has_no_slope(constant):
    first, second = maps()
    first[..., 1] = constant
    found = matrix(first, second)
    np.testing.assert_array_equal(found[1], 0)
    assert np.abs(found[0, 0]) > 0.5
    slopes = gradients(lambda x, y: sum(departures(cross_correlation(x, y))), first, second)
    assert all(np.isfinite(slope).all() for slope in slopes)
    np.testing.assert_array_equal(slopes[0][..., 1], 0)
    assert np.abs(slopes[0][..., 0]).max() > 0


@pytest.mark.parametrize("center", [True, False])
def test_gradient_agrees_with_differences_of_the_definition(center):
    shape, rng = (1, 3, 5, 2), np.random.default_rng(4)
    first, second = (rng.normal(size=shape).astype("float32") for _ in range(2))

    def total(x, y):
        diagonal, others = departures(cross_correlation(x, y, center))
        return diagonal + 0.3 * others

    slope, h = gradients(total, first, second)[0], 1e-5
    for place in np.ndindex(shape):
        sides = []
        for sign in (1, -1):
            moved = first.astype(float)
            moved[place] += sign * h
            sides.append(mixcl.identity_loss([(rows(moved), rows(second))], 0.3, center))
        assert slope[place] == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=2e-3, abs=1e-5)
