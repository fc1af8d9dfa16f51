import numpy as np
import pytest
from keras import ops

from tfregkit.ops.random_subset import stratified

NOISE = np.random.default_rng(0).random((2, 64), dtype=np.float32)


def drawn(noise, voxels, ratio):
    return ops.convert_to_numpy(stratified(noise, voxels, ratio))


def test_is_one_voxel_of_each_stratum():
    found = drawn(NOISE, 1000, 0.1)
    assert found.shape == (2, 100)
    np.testing.assert_array_equal(found // 10, np.tile(np.arange(100), (2, 1)))
    assert not np.array_equal(found[0], found[1])


def test_does_not_repeat_with_the_noise():
    """There are 64 numbers, but the places within the strata do not come again after 64 of them."""
    places = drawn(NOISE, 64 * 64 * 1000, 0.001)[0] % 1000
    blocks = places.reshape(64, 64)
    assert len(np.unique(blocks, axis=0)) == 64


@pytest.mark.parametrize("ratio", [0.3, 0.7, 1.0])
def test_draws_every_voxel_equally_often(ratio):
    noise = np.random.default_rng(1).random((20000, 2), dtype=np.float32)
    counts = np.bincount(drawn(noise, 31, ratio).ravel(), minlength=31)[:-2] / 20000
    np.testing.assert_allclose(counts, ratio, atol=0.02)


def test_draws_at_least_one():
    assert drawn(NOISE, 7, 0.01).shape == (2, 1)
    assert 0 <= drawn(NOISE, 7, 0.01).min() <= drawn(NOISE, 7, 0.01).max() < 7
