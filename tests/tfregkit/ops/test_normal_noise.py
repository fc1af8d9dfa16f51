"""Normal numbers from the batch's noise."""

import numpy as np
import pytest
from keras import ops

from tfregkit.ops.normal_noise import drawn, normal_noise

SHAPE = (23, 29, 31, 3)


def noise(items=3, seed=4):
    return np.random.default_rng(seed).random((items, 4096), dtype="float32")


def normal(numbers, shape=SHAPE):
    return ops.convert_to_numpy(normal_noise(ops.convert_to_tensor(numbers), shape))


def test_is_standard_normal_and_independent_between_items_and_neighbours():
    found = normal(noise())
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
    together = normal(numbers)
    np.testing.assert_array_equal(normal(numbers[1:]), together[1:])
    np.testing.assert_array_equal(normal(numbers), together)


@pytest.mark.parametrize("place", [0, 1])
def test_both_seeding_numbers_count(place):
    numbers = noise(1)
    before = normal(numbers, (5, 7))
    numbers[0, place] = (numbers[0, place] + 1e-6) % 1.0
    assert not np.allclose(normal(numbers, (5, 7)), before)


def test_another_stream_is_seeded_by_other_numbers():
    numbers = noise(1)
    other = ops.convert_to_numpy(normal_noise(ops.convert_to_tensor(numbers), SHAPE, 3))
    np.testing.assert_array_equal(other, normal(numbers[:, 6:8]))
    assert abs((other * normal(numbers)).mean()) < 5 / np.sqrt(other.size)


def test_a_network_draws_around_its_mean_by_each_items_scale():
    rng = np.random.default_rng(6)
    mean, log_variance = rng.normal(size=(2, 2, 5, 7, 3)).astype(np.float32)
    tensors = [ops.convert_to_tensor(x) for x in (mean, log_variance)]
    assert drawn({}, *tensors) is tensors[0]
    inputs = {"noise": ops.convert_to_tensor(noise(2))}
    expected = mean + np.exp(log_variance / 2) * normal(noise(2), (5, 7, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(drawn(inputs, *tensors)), expected, atol=1e-5)
    inputs["noise_scale"] = np.array([[0.0], [2.0]], np.float32)
    found = ops.convert_to_numpy(drawn(inputs, *tensors))
    np.testing.assert_array_equal(found[0], mean[0])
    np.testing.assert_allclose(found[1], 2 * expected[1] - mean[1], atol=1e-5)
