import numpy as np
import pytest
from augmented import check_augmentation, check_probability, check_stays, skull_stripped, volumes

from tfregkit_plugins.augmentations.contrast import Contrast


@pytest.mark.parametrize("foreground", [False, True])
def test_contract(foreground):
    check_augmentation(Contrast(foreground=foreground))
    check_probability(Contrast)
    check_stays(Contrast(foreground=foreground))


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (700.0, -300.0)])
def test_the_mean_stays_and_the_factor_is_within_its_limits(gain, offset):
    image = np.float32(gain) * volumes()["image"] + np.float32(offset)
    factors = []
    for seed in range(60):
        changed = Contrast(strength=0.5)({"image": image}, np.random.default_rng(seed))["image"]
        assert changed.mean() == pytest.approx(image.mean(), abs=1e-4 * float(np.ptp(image)))
        slope, _ = np.polyfit(image.ravel(), changed.ravel(), 1)
        np.testing.assert_allclose(changed - changed.mean(), slope * (image - image.mean()), atol=1e-4 * np.ptp(image))
        factors.append(np.log(slope))
    assert -0.501 < min(factors) < -0.4
    assert 0.4 < max(factors) < 0.501


def test_foreground_is_changed_about_its_own_mean_and_stays_the_foreground():
    image, clipped = skull_stripped(), 0
    inside, mean = image > image.min(), image[image > image.min()].mean()
    for seed in range(20):
        changed = Contrast(strength=1.0, foreground=True)({"image": image}, np.random.default_rng(seed))["image"]
        np.testing.assert_array_equal(changed > image.min(), inside)
        np.testing.assert_array_equal(changed[~inside], image.min())
        floor = image.min() + 1e-3 * np.ptp(image)
        top = image == image.max()
        factor = (changed[top][0] - mean) / (image.max() - mean)
        expected = mean + factor * (image[inside] - mean)
        np.testing.assert_allclose(changed[inside], np.maximum(expected, floor), atol=1e-4 * np.ptp(image))
        clipped += (expected < floor).any()
    assert clipped > 3
