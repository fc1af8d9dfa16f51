import numpy as np
import pytest
from augmented import check_augmentation, check_probability, volumes

from tfregkit_plugins.augmentations.noise import Noise


def test_contract():
    check_augmentation(Noise())
    check_probability(Noise)


@pytest.mark.parametrize("gain", [1.0, 1200.0])
def test_white_and_as_strong_as_asked_for(gain):
    image = np.float32(gain) * volumes()["image"]
    spread = []
    for seed in range(80):
        added = Noise(strength=0.1)({"image": image}, np.random.default_rng(seed))["image"] - image
        spread.append(added.std() / np.ptp(image))
        assert abs(added.mean()) < 0.1 * added.std()
        assert abs(np.corrcoef(added[1:].ravel(), added[:-1].ravel())[0, 1]) < 0.1
    assert 0.09 < max(spread) < 0.105
    assert min(spread) < 0.01
