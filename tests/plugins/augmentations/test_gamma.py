import numpy as np
import pytest
from augmented import check_augmentation, check_probability, check_stays, volumes

from tfregkit_plugins.augmentations.gamma import Gamma


def test_contract():
    check_augmentation(Gamma())
    check_probability(Gamma)
    check_stays(Gamma())


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (700.0, -300.0)])
def test_extremes_stay_and_the_exponent_is_within_its_limits(gain, offset):
    image = np.float32(gain) * volumes()["image"] + np.float32(offset)
    low, high = image.min(), image.max()
    exponents = []
    for seed in range(60):
        changed = Gamma(strength=0.5)({"image": image}, np.random.default_rng(seed))["image"]
        assert changed.min() == pytest.approx(low, rel=1e-5)
        assert changed.max() == pytest.approx(high, rel=1e-5)
        inside = (image > low + 0.1 * (high - low)) & (image < high - 0.1 * (high - low))
        ratio = np.log((changed - low)[inside] / (high - low)) / np.log((image - low)[inside] / (high - low))
        assert np.ptp(ratio) < 1e-2
        exponents.append(np.log(ratio.mean()))
    assert -0.501 < min(exponents) < -0.4
    assert 0.4 < max(exponents) < 0.501
