"""The weights of votes against the correlation's definition."""

import numpy as np
import pytest
from references.local_correlation import local_correlation

from tfregkit.inference.local_weights import FLOOR, local_weights

SHAPE = (11, 13, 7)


def images(seed=0):
    rng = np.random.default_rng(seed)
    first = 300.0 + 80.0 * rng.normal(size=SHAPE)
    return first, 900.0 - first + 60.0 * rng.normal(size=SHAPE)


@pytest.mark.parametrize(("spacing", "window"), [(3.0, 3), (2.0, 5), (20.0, 1)])
def test_a_power_of_the_squared_correlation_in_9_mm(spacing, window):
    found = local_weights(*images(), np.full(3, spacing))
    cc = np.zeros(SHAPE) if window == 1 else local_correlation(*images(), window)
    np.testing.assert_allclose(found, cc**4 + FLOOR, atol=2e-5)
    assert found.dtype == np.float32


def test_windows_have_their_own_size_along_each_axis():
    first, second = images()
    changed = first.copy()
    changed[5, 6, 3] += 500.0
    spacing = np.array([2.0, 3.0, 10.0])  # 5 x 3 x 1 voxels
    difference = np.abs(local_weights(changed, second, spacing) - local_weights(first, second, spacing))
    inside = np.zeros(SHAPE, bool)
    inside[3:8, 5:8, 3] = True
    inner = np.zeros(SHAPE, bool)
    inner[2:-2, 1:-1] = True  # at the border the mean, which has changed, is what lies outside
    assert difference[inside].min() > 1e-3
    assert difference[inner & ~inside].max() < 1e-4


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 3.0), (-7.0, 900.0)])
def test_scale_offset_and_a_turned_contrast_do_not_matter(gain, offset):
    first, second = images()
    spacing = np.full(3, 3.0)
    expected = local_weights(first, second, spacing)
    np.testing.assert_allclose(local_weights(first, gain * second + offset, spacing), expected, atol=1e-5)


def test_nothing_alike_weighs_the_floor():
    flat, spacing = np.full(SHAPE, 7.0), np.full(3, 2.0)
    for pair in ((flat, images()[0]), (images()[0], flat), (flat, flat)):
        np.testing.assert_allclose(local_weights(*pair, spacing), FLOOR, atol=1e-9)


def test_the_same_image_weighs_one():
    first, _ = images()
    np.testing.assert_allclose(local_weights(first, first, np.full(3, 2.0)), 1.0, atol=1e-4)
