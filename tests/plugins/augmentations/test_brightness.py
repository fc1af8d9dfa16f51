import numpy as np
import pytest
from augmented import check_augmentation, check_probability, check_stays, skull_stripped, volumes

from tfregkit_plugins.augmentations.brightness import Brightness


@pytest.mark.parametrize("foreground", [False, True])
def test_contract(foreground):
    check_augmentation(Brightness(foreground=foreground))
    check_probability(Brightness)
    check_stays(Brightness(foreground=foreground))


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (700.0, -300.0)])
def test_adds_one_number_within_its_limits(gain, offset):
    image = np.float32(gain) * volumes()["image"] + np.float32(offset)
    shares = []
    for seed in range(60):
        changed = Brightness(strength=0.3)({"image": image}, np.random.default_rng(seed))["image"]
        added = (changed - image) / np.ptp(image)
        assert np.ptp(added) < 1e-5
        shares.append(added.mean())
    assert -0.301 < min(shares) < -0.25
    assert 0.25 < max(shares) < 0.301


def test_foreground_is_shifted_and_stays_the_foreground():
    image, clipped = skull_stripped(), 0
    inside = image > image.min()
    for seed in range(20):
        changed, whole = (
            Brightness(strength=0.5, foreground=f)({"image": image}, np.random.default_rng(seed))["image"]
            for f in (True, False)
        )
        np.testing.assert_array_equal(changed > image.min(), inside)
        np.testing.assert_array_equal(changed[~inside], image.min())
        floor = image.min() + 1e-3 * np.ptp(image)
        np.testing.assert_allclose(changed[inside], np.maximum(whole[inside], floor), rtol=1e-5)
        clipped += (whole[inside] < floor).any()
    assert clipped > 3
