import numpy as np
from keras import ops

from tfregkit.ops.reduce import masked_mean

RNG = np.random.default_rng(2)
VALUES = RNG.normal(size=(3, 5, 7, 2)).astype(np.float32)


def test_without_a_mask_the_mean():
    np.testing.assert_allclose(ops.convert_to_numpy(masked_mean(VALUES)), VALUES.mean((1, 2, 3)), rtol=1e-5)


def test_with_a_mask_the_weighted_mean_and_zero_where_it_is_empty():
    mask = RNG.random((3, 5, 7, 1)).astype(np.float32)
    mask[1] = 0
    found = ops.convert_to_numpy(masked_mean(VALUES, mask))
    assert found[1] == 0
    for item in (0, 2):
        expected = np.average(VALUES[item], weights=np.broadcast_to(mask[item], VALUES[item].shape))
        np.testing.assert_allclose(found[item], expected, rtol=1e-5)
