"""`ncc` against a window loop, its invariances and its degenerate images."""

import numpy as np
import pytest
from references.cases import SHAPE, case
from references.metrics import local_ncc as reference

from tfregkit_plugins.metrics.local_ncc import LocalNCC


@pytest.mark.parametrize("window", [3, 5, 9])
def test_agrees_with_the_loop(window):
    pair = case()
    assert LocalNCC(window=window)(pair)[""] == pytest.approx(reference(pair.fixed, pair.moved, window), rel=1e-4)


def test_large_offset_costs_no_accuracy():
    pair = case()
    shifted = case(fixed=pair.fixed + 1000.0, moved=pair.moved - 500.0)
    assert LocalNCC()(shifted)[""] == pytest.approx(LocalNCC()(pair)[""], abs=2e-4)


def test_contrast_does_not_matter_and_identity_is_one():
    pair = case()
    assert LocalNCC()(case(moved=0.3 * pair.fixed + 7.0))[""] == pytest.approx(1.0, abs=1e-3)
    assert LocalNCC()(case(moved=1.0 - 2.0 * pair.fixed))[""] == pytest.approx(1.0, abs=1e-3)
    assert LocalNCC(window=None)(case(moved=1.0 - 2.0 * pair.fixed))[""] == pytest.approx(-1.0, abs=1e-5)


def test_whole_image_is_pearson():
    pair = case()
    expected = np.corrcoef(pair.fixed.ravel(), pair.moved.ravel())[0, 1]
    assert LocalNCC(window=None)(pair)[""] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("window", [9, None])
def test_constant_image_has_no_correlation(window):
    assert LocalNCC(window=window)(case(moved=np.full(SHAPE, 0.1, np.float32)))[""] == pytest.approx(0.0, abs=1e-6)


def test_even_window_is_refused():
    with pytest.raises(ValueError, match="`window` must be odd and positive, or null. Received: window=8"):
        LocalNCC(window=8)
