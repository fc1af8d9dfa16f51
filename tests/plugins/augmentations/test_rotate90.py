import itertools

import numpy as np
from augmented import check_augmentation, volumes

from tfregkit_plugins.augmentations.rotate90 import Rotate90

CUBE = (5, 5, 5)


def test_contract():
    check_augmentation(Rotate90(probability=1.0))
    assert Rotate90().together


def test_a_cube_is_turned_in_three_planes_by_three_angles_as_often():
    cube = np.arange(125, dtype=np.float32).reshape(CUBE)
    expected = {
        np.rot90(cube, turns, plane).tobytes(): (plane, turns)
        for plane in itertools.combinations(range(3), 2)
        for turns in (1, 2, 3)
    }
    counts = dict.fromkeys(expected.values(), 0)
    for seed in range(900):
        turned = Rotate90(probability=1.0)({"image": cube}, np.random.default_rng(seed))["image"]
        counts[expected[turned.tobytes()]] += 1
    squares = sum((count - 100) ** 2 / 100 for count in counts.values())
    assert squares < 26.1  # chi-square of 8 degrees of freedom, 0.1 %


def test_unequal_sizes_are_turned_by_half():
    given = volumes()
    for seed in range(6):
        turned = Rotate90(probability=1.0)(dict(given), np.random.default_rng(seed))
        halves = [np.flip(given["image"], plane) for plane in itertools.combinations(range(3), 2)]
        number = [np.array_equal(turned["image"], half) for half in halves].index(True)
        plane = list(itertools.combinations(range(3), 2))[number]
        np.testing.assert_array_equal(turned["labels"], np.flip(given["labels"], plane))


def test_the_chance_is_the_one_given():
    still = [
        np.array_equal(Rotate90(probability=0.2)(volumes(), np.random.default_rng(seed))["image"], volumes()["image"])
        for seed in range(300)
    ]
    assert 0.72 < np.mean(still) < 0.88
