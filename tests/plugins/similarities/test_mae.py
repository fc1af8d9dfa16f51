import numpy as np
import pytest
from backends import gradients
from keras import ops

import tfregkit
from tfregkit.testing import checks

RNG = np.random.default_rng(3)
FIXED, MOVED = RNG.normal(size=(2, 2, 5, 7, 11, 3)).astype(np.float32)


def mae(*images, **mask):
    return ops.convert_to_numpy(tfregkit.build("similarity", "mae")(*images, **mask))


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(tfregkit.build("similarity", "mae"))


def test_is_the_mean_absolute_difference():
    np.testing.assert_allclose(mae(FIXED, MOVED), np.abs(FIXED - MOVED).mean((1, 2, 3, 4)), rtol=1e-5)
    np.testing.assert_allclose(mae(FIXED, FIXED - 3), 3, rtol=1e-5)


def test_mask_weights_voxels_and_not_channels():
    mask = RNG.random((2, 5, 7, 11, 1)).astype(np.float32)
    expected = (np.abs(FIXED - MOVED) * mask).sum((1, 2, 3, 4)) / (3 * mask.sum((1, 2, 3, 4)))
    np.testing.assert_allclose(mae(FIXED, MOVED, mask=mask), expected, rtol=1e-5)
    np.testing.assert_array_equal(mae(FIXED, MOVED, mask=0 * mask), 0)


def test_gradient_is_the_sign_of_the_difference_and_zero_where_images_agree():
    moved = MOVED.copy()
    moved[:, 2] = FIXED[:, 2]
    (found,) = gradients(lambda x: ops.sum(tfregkit.build("similarity", "mae")(FIXED, x)), moved)
    np.testing.assert_allclose(found, np.sign(moved - FIXED) / FIXED[0].size, rtol=1e-5)
