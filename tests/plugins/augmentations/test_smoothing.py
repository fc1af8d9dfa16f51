import numpy as np
import pytest
from augmented import check_augmentation, check_probability, volumes

from tfregkit import build
from tfregkit.errors import ConfigError
from tfregkit_plugins.augmentations.smoothing import Smoothing


def test_contract():
    check_augmentation(Smoothing())
    check_probability(Smoothing)


def test_a_point_becomes_a_gaussian_of_the_width_drawn_for_each_axis():
    point = np.zeros((31, 37, 41), np.float32)
    point[15, 18, 20] = 1
    rng = np.random.default_rng(3)
    rng.random()
    widths = rng.uniform(1.1, 1.9, 3)
    found = Smoothing(smallest=1.1, largest=1.9)({"image": point}, np.random.default_rng(3))["image"]
    assert found.sum() == pytest.approx(1, abs=1e-5)
    for axis, width in enumerate(widths):
        profile = found.sum(axis=tuple(other for other in range(3) if other != axis))
        places = np.arange(len(profile)) - len(profile) // 2
        assert np.sqrt((profile * places**2).sum()) == pytest.approx(width, rel=0.03)


def test_a_constant_image_stays_and_borders_are_no_edges():
    flat = np.full((11, 13, 17), 0.7, np.float32)
    found = Smoothing()({"image": flat}, np.random.default_rng(0))["image"]
    np.testing.assert_allclose(found, 0.7, atol=1e-6)


def test_labels_and_mask_stay():
    given = volumes()
    found = Smoothing()(dict(given), np.random.default_rng(1))
    assert found["labels"] is given["labels"]
    assert found["mask"] is given["mask"]


def test_widths_must_be_in_order():
    with pytest.raises(ConfigError, match=r"`smallest` must not exceed `largest`"):
        build("augmentation", "smoothing", smallest=2.0, largest=1.0)
