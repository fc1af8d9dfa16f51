import numpy as np
import pytest

from tfregkit.data.normalise import normalise
from tfregkit.data.settings import NormalisationSettings
from tfregkit.errors import DataError

RNG = np.random.default_rng(3)
IMAGE = RNG.normal(40, 9, (5, 7, 11)).astype(np.float32)


def test_minmax_maps_the_percentiles_to_0_and_1_and_clips():
    low, high = np.percentile(IMAGE.astype(np.float64), [5, 90])
    result = normalise(IMAGE, NormalisationSettings(percentiles=(5, 90)))
    np.testing.assert_allclose(result, np.clip((IMAGE - low) / (high - low), 0, 1), atol=1e-5)
    assert result.dtype == np.float32
    assert (result == 0).sum() > 10
    assert (result == 1).sum() > 10


def test_zscore_has_mean_0_and_standard_deviation_1():
    result = normalise(IMAGE + 1e4, NormalisationSettings(mode="zscore"))
    assert result.mean() == pytest.approx(0, abs=2e-3)
    assert result.std() == pytest.approx(1, abs=1e-3)


def test_window_is_the_same_line_for_every_scan():
    result = normalise(
        np.array([[[-900.0, -500.0, 150.0, 800.0, 2000.0]]]), NormalisationSettings(mode="window", window=(-500, 800))
    )
    np.testing.assert_allclose(result.ravel(), [0, 0, 0.5, 1, 1], atol=1e-6)


def test_none_is_a_float32_copy():
    source = IMAGE.astype(np.int16)
    result = normalise(source, NormalisationSettings(mode="none"))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, source)
    unchanged = IMAGE.copy()
    normalise(IMAGE, NormalisationSettings(mode="none"))[:] = 0
    np.testing.assert_array_equal(IMAGE, unchanged)


def test_foreground_looks_only_at_voxels_above_the_minimum():
    image = np.zeros((5, 7, 11), np.float32)
    image[2:, 3:] = RNG.uniform(50, 90, (3, 4, 11))
    inside = image[image > 0].astype(np.float64)
    result = normalise(image, NormalisationSettings(mode="zscore", region="foreground"))
    np.testing.assert_allclose(result, (image - inside.mean()) / inside.std(), rtol=1e-4, atol=1e-4)


def test_mask_looks_only_at_the_mask_and_is_asked_for():
    mask = np.zeros(IMAGE.shape, np.float32)
    mask[1:3, 2:5, :6] = 1
    settings = NormalisationSettings(mode="zscore", region="mask")
    inside = IMAGE[mask > 0].astype(np.float64)
    np.testing.assert_allclose(
        normalise(IMAGE, settings, mask), (IMAGE - inside.mean()) / inside.std(), rtol=1e-4, atol=1e-4
    )
    with pytest.raises(DataError, match="needs a mask for every scan"):
        normalise(IMAGE, settings)
    with pytest.raises(DataError, match="the mask is empty"):
        normalise(IMAGE, settings, np.zeros_like(mask))


@pytest.mark.parametrize("mode", ["minmax", "zscore"])
@pytest.mark.parametrize("region", ["all", "foreground"])
@pytest.mark.parametrize("value", [0.0, -7.0, 3e5])
def test_a_constant_scan_becomes_0(mode, region, value):
    image = np.full((2, 3, 5), value, np.float32)
    np.testing.assert_array_equal(normalise(image, NormalisationSettings(mode=mode, region=region)), 0)


@pytest.mark.parametrize("mode", ["minmax", "zscore"])
def test_a_line_of_the_intensities_changes_nothing(mode):
    settings = NormalisationSettings(mode=mode)
    np.testing.assert_allclose(normalise(IMAGE, settings), normalise(0.3 * IMAGE + 11, settings), atol=1e-4)
