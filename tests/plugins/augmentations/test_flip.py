import numpy as np
from augmented import SHAPE, check_augmentation, check_probability, volumes

from tfregkit_plugins.augmentations.flip import Flip


def test_contract():
    check_augmentation(Flip(axes=[0, 1, 2]))
    check_probability(Flip)


def test_all_volumes_are_turned_round_the_axes_asked_for():
    source = volumes()
    for kind, array in Flip(axes=[0, 2], probability=1.0)(source, np.random.default_rng(0)).items():
        np.testing.assert_array_equal(array, source[kind][::-1, :, ::-1])


def test_half_of_the_scans_are_flipped_and_pairs_alike():
    flip, source = Flip(), {"image": np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)}
    flipped = [flip(source, np.random.default_rng(seed))["image"].flat[0] > 0 for seed in range(400)]
    assert 0.4 < np.mean(flipped) < 0.6
    assert flip.together
