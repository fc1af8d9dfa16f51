"""Normal numbers from the batch's noise."""

import numpy as np
import pytest
from keras import ops

from tfregkit.ops.normal_noise import normal_noise

SHAPE = (23, 29, 31, 3)


def noise(items=3, seed=4):
    return np.random.default_rng(seed).random((items, 4096), dtype="float32")


def drawn(numbers, shape=SHAPE):
    return ops.convert_to_numpy(normal_noise(ops.convert_to_tensor(numbers), shape))


def test_is_standard_normal_and_independent_between_items_and_neighbours():
    found = drawn(noise())
    count = np.prod(SHAPE)
    assert found.shape == (3, *SHAPE)
    assert found.dtype == np.float32
    for item in found:
        assert abs(item.mean()) < 5 / np.sqrt(count)
        assert abs(item.var() - 1) < 5 * np.sqrt(2 / count)
        assert abs((item**4).mean() - 3) < 5 * np.sqrt(96 / count)
    pairs = [
        (found[0], found[1]),
        (found[0], found[2]),
        (found[0, :-1], found[0, 1:]),
        (found[0, :, 1:], found[0, :, :-1]),
    ]
    for one, other in pairs:
        assert abs((one * other).mean()) < 5 / np.sqrt(one.size)


def test_an_item_draws_the_same_in_any_batch():
    numbers = noise()
    together = drawn(numbers)
    np.testing.assert_array_equal(drawn(numbers[1:]), together[1:])
    np.testing.assert_array_equal(drawn(numbers), together)


@pytest.mark.parametrize("place", [0, 1])
def test_both_seeding_numbers_count(place):
    numbers = noise(1)
    before = drawn(numbers, (5, 7))
    numbers[0, place] = (numbers[0, place] + 1e-6) % 1.0
    assert not np.allclose(drawn(numbers, (5, 7)), before)
