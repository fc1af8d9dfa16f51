import numpy as np
import pytest
from backends import gradients
from intensities import images, similarity
from keras import ops
from references.mutual_information import local_mutual_information, mutual_information

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.testing import checks

RNG = np.random.default_rng(5)
local_mi = similarity("local_mi")


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(tfregkit.build("similarity", "local_mi", patch=5, bins=16))


@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (3, 17, 13, 2)])
def test_agrees_with_the_definition_in_a_batch_and_with_patches_cut_by_the_border(shape):
    fixed, moved = images(shape)
    rule = {"bins": 11, "ratio": 0.8, "low": -0.1, "high": 0.9}
    given = {"bins": 11, "kernel_ratio": 0.8, "range": (-0.1, 0.9), "patch": 5}
    channels = [[(f[..., c], m[..., c]) for c in range(shape[-1])] for f, m in zip(fixed, moved, strict=True)]
    expected = [np.mean([local_mutual_information(*pair, side=5, **rule) for pair in item]) for item in channels]
    np.testing.assert_allclose(local_mi(fixed, moved, **given), expected, rtol=2e-5)


def test_gradient_with_respect_to_both_images_agrees_with_finite_differences():
    fixed, moved = images((2, 7, 5, 11, 1))
    mask = RNG.random(fixed.shape).astype(np.float32)
    term = tfregkit.build("similarity", "local_mi", patch=3, bins=7)
    weights = np.array([1.0, -2.0], np.float32)
    found = gradients(lambda f, m: ops.sum(ops.multiply(term(f, m, mask=mask), weights)), fixed, moved)
    for which, gradient in enumerate(found):
        direction = RNG.normal(size=fixed.shape)

        def value(step, which=which, direction=direction):
            pair = [fixed.astype(np.float64), moved.astype(np.float64)]
            pair[which] = pair[which] + step * direction
            items = zip(*(x[..., 0] for x in (*pair, mask)), strict=True)
            values = [local_mutual_information(f, m, w, side=3, bins=7) for f, m, w in items]
            return -float(np.dot(values, weights))

        slope = (value(1e-6) - value(-1e-6)) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=2e-3)


def test_a_volume_of_one_patch_has_the_global_value():
    fixed, moved = images((2, 7, 7, 7, 1))
    whole = -ops.convert_to_numpy(tfregkit.build("similarity", "mi")(fixed, moved))
    np.testing.assert_allclose(local_mi(fixed, moved, patch=7), whole, rtol=1e-5)


def test_permuting_patches_in_both_images_leaves_the_mean():
    fixed, moved = images((2, 15, 10, 1))
    blocks = [x.reshape(2, 3, 5, 2, 5, 1)[:, [2, 0, 1]][:, :, :, ::-1].reshape(x.shape) for x in (fixed, moved)]
    np.testing.assert_allclose(local_mi(*blocks, patch=5), local_mi(fixed, moved, patch=5), rtol=1e-5)
    assert not np.allclose(local_mi(blocks[0], moved, patch=5), local_mi(fixed, moved, patch=5), rtol=1e-2)


def test_what_reaches_over_the_border_adds_no_spurious_bin():
    """Constant images of any value have nothing to say; zeros around them would be a second value in both."""
    flat = np.full((1, 11, 7, 13, 1), 0.7, np.float32)
    np.testing.assert_allclose(local_mi(flat, flat, patch=9), 0, atol=1e-5)


def test_patches_without_weight_are_not_averaged():
    fixed, moved = images((1, 10, 15, 1))
    mask = np.zeros_like(fixed)
    mask[:, 5:, 10:] = 1
    expected = mutual_information(fixed[0, 5:, 10:], moved[0, 5:, 10:])
    np.testing.assert_allclose(local_mi(fixed, moved, mask, patch=5), expected, rtol=1e-5)
    np.testing.assert_array_equal(local_mi(fixed, moved, 0 * mask, patch=5), 0)


def test_the_bias_of_independent_images_is_as_documented():
    fixed, moved = RNG.random((2, 1, 27, 27, 27, 1)).astype(np.float32)
    np.testing.assert_allclose(local_mi(fixed, moved), 0.45, atol=0.05)


@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (2, 17, 13, 1)])
def test_random_offset_shifts_the_grid(shape):
    fixed, moved = images(shape)
    noise = np.full((2, 4096), 0.99, np.float32)
    noise[0, :3] = 0.0, 0.45, 0.99  # of 5: 0, 2, 4
    offset = (0, 2, 4)[: len(shape) - 2]
    pairs = zip(fixed[..., 0], moved[..., 0], strict=True)
    expected = [local_mutual_information(f, m, side=5, offset=offset) for f, m in pairs]
    found = local_mi(fixed, moved, patch=5, random_offset=True, noise=noise)
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_needs_noise_only_for_a_random_offset_and_keeps_the_grid_without_noise():
    fixed, moved = images()
    term = tfregkit.build("similarity", "local_mi", patch=5, random_offset=True)
    assert term.needs == ("noise",)
    assert tfregkit.build("similarity", "local_mi").needs == ()
    np.testing.assert_allclose(local_mi(fixed, moved, patch=5, random_offset=True), local_mi(fixed, moved, patch=5))


def test_range_must_increase():
    with pytest.raises(ConfigError, match="`range` must be two increasing numbers"):
        tfregkit.build("similarity", "local_mi", range=(1.0, 0.0))
