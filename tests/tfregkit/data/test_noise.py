import numpy as np
import pytest
from scipy.interpolate import BSpline

from tfregkit.data.noise import _basis, smooth_noise


def test_basis_is_the_cubic_b_spline():
    weights = _basis(13, 5.0)
    expected = np.stack(
        [
            BSpline.basis_element([k - 2, k - 1, k, k + 1, k + 2], extrapolate=False)(np.arange(13) / 5.0)
            for k in range(-1, 5)
        ],
        axis=1,
    )
    expected = np.nan_to_num(expected)
    np.testing.assert_allclose(weights, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize(("shape", "scale"), [((7, 11), 3.0), ((5, 7, 11), (2.0, 3.0, 50.0))])
def test_mean_0_and_variance_1_everywhere(shape, scale):
    draws = np.stack([smooth_noise(shape, scale, np.random.default_rng(seed)) for seed in range(2000)])
    assert draws.dtype == np.float32
    assert draws.shape == (2000, *shape)
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.12)
    np.testing.assert_allclose(draws.var(axis=0), 1, atol=0.17)


def test_neighbours_are_alike_and_distant_voxels_are_not():
    draws = np.stack([smooth_noise((41,), 5.0, np.random.default_rng(seed)) for seed in range(3000)])
    correlation = np.corrcoef(draws.T)
    assert correlation[10, 11] > 0.97
    assert abs(correlation[5, 30]) < 0.07


def test_axes_are_not_mixed_up():
    values = smooth_noise((5, 7, 11), (2.0, 3.0, 1e6), np.random.default_rng(0))
    assert np.ptp(values, axis=2).max() < 1e-3
    assert np.ptp(values, axis=0).max() > 0.5
    assert np.ptp(values, axis=1).max() > 0.5
