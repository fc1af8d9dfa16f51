import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.testing import checks

RNG = np.random.default_rng(3)
FIXED, MOVED = RNG.normal(size=(2, 2, 5, 7, 11, 3)).astype(np.float32)


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(tfregkit.build("similarity", "mse"))


def test_is_the_mean_square_over_sigma_squared():
    expected = np.square(FIXED - MOVED).reshape(2, -1).mean(1) / 0.02**2
    found = tfregkit.build("similarity", "mse", sigma=0.02)(FIXED, MOVED)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-5)


def test_mask_weights_voxels_and_not_channels():
    mask = RNG.random((2, 5, 7, 11, 1)).astype(np.float32)
    expected = (np.square(FIXED - MOVED) * mask).sum((1, 2, 3, 4)) / (3 * mask.sum((1, 2, 3, 4)))
    found = tfregkit.build("similarity", "mse")(FIXED, MOVED, mask=mask)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-5)


def test_sigma_must_be_positive():
    with pytest.raises(tfregkit.errors.ConfigError, match="sigma"):
        tfregkit.build("similarity", "mse", sigma=0.0)
