import numpy as np
import pytest
from augmented import SHAPE, check_augmentation, check_probability

from tfregkit_plugins.augmentations.bias_field import BiasField


def test_contract():
    check_augmentation(BiasField())
    check_probability(BiasField)


def test_a_smooth_factor_of_the_strength_asked_for():
    image = np.full(SHAPE, 3.0, np.float32)
    image[0, 0, 0] = 1.0
    logs = []
    for seed in range(300):
        changed = BiasField(strength=0.2, smoothness=8.0)({"image": image}, np.random.default_rng(seed))["image"]
        assert changed[0, 0, 0] == pytest.approx(1.0)
        logs.append(np.log((changed[1:] - 1) / 2))
    assert np.std(logs) == pytest.approx(0.2, rel=0.1)
    assert np.abs(np.diff(logs, axis=2)).max() < 0.2
