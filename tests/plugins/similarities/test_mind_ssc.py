import numpy as np
import pytest
from backends import gradients
from descriptor_checks import check_gradient, differences, images
from keras import ops
from references import mind as reference

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.ops.self_similarity import Descriptor, self_similarity
from tfregkit.testing import checks
from tfregkit.testing.common import policy

RULE = {"distance": 2, "patch": 5, "points": "shell"}


def ssc(fixed, moved, mask=None, **parameters):
    return ops.convert_to_numpy(tfregkit.build("similarity", "mind_ssc", **parameters)(fixed, moved, mask=mask))


def channels(image):
    return ops.convert_to_numpy(self_similarity(ops.convert_to_tensor(image), Descriptor(**RULE)))


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(tfregkit.build("similarity", "mind_ssc"))


@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (2, 17, 13, 2), (2, 5, 3, 1, 1), (1, 47, 53, 59, 1)])
@pytest.mark.parametrize(("radius", "dilation"), [(2, 2), (1, 3), (0, 1)])
def test_agrees_with_the_definition(shape, radius, dilation):
    fixed, moved = images(shape)
    maps = differences(np.square, fixed, moved, distance=dilation, patch=2 * radius + 1, points="shell")
    expected = maps.reshape(len(fixed), -1).mean(1)
    np.testing.assert_allclose(ssc(fixed, moved, radius=radius, dilation=dilation), expected, rtol=5e-5)


@pytest.mark.parametrize(("shape", "pairs"), [((2, 7, 11, 13, 1), 12), ((2, 17, 13, 1), 4)])
def test_descriptors_have_twelve_pairs_and_four_in_2d(shape, pairs):
    image, _ = images(shape)
    found = channels(image)
    assert found.shape == (*shape[:-1], pairs)
    expected = np.stack([reference.descriptor(x[..., 0], **RULE) for x in image])
    # The order of the pairs is nobody's business: sorted, voxel by voxel, they are the same.
    np.testing.assert_allclose(np.sort(found, -1), np.sort(expected, -1), rtol=2e-4, atol=1e-6)


def test_largest_channel_is_one_and_all_are_in_zero_to_one():
    found = channels(images()[0])
    np.testing.assert_array_equal(found.max(-1), 1)
    assert found.min() > 0
    assert found.min() < 0.1


def test_mask_weights_the_mean_and_not_the_patches():
    fixed, moved = images()
    mask = np.random.default_rng(1).random(fixed.shape).astype(np.float32)
    maps = differences(np.square, fixed, moved, **RULE)
    expected = (maps * mask[..., 0]).sum((1, 2, 3)) / mask.sum((1, 2, 3, 4))
    np.testing.assert_allclose(ssc(fixed, moved, mask), expected, rtol=5e-5)
    np.testing.assert_array_equal(ssc(fixed, moved, 0 * mask), 0)


@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (2, 17, 13, 1)])
def test_gradient_with_respect_to_both_images_agrees_with_finite_differences(shape):
    check_gradient("mind_ssc", np.square, shape, points="shell", patch=5)


def test_limits_of_the_variance_have_no_gradient():
    at_limit = check_gradient("mind_ssc", np.square, (2, 17, 7, 11, 1), weak=0.003, points="shell", patch=5)
    assert min(at_limit) > 0.1, "too few voxels are at the limit for this to test anything"


@pytest.mark.parametrize("gain", [3.0, -0.7, 1e-3])
def test_does_not_see_gain_and_offset(gain):
    fixed, moved = images()
    np.testing.assert_allclose(ssc(fixed, gain * fixed + 0.1), 0, atol=1e-6)
    np.testing.assert_allclose(ssc(fixed, gain * moved + 0.1), ssc(fixed, moved), rtol=2e-3)


def test_compares_descriptors_and_not_raw_distances():
    """A hundredfold contrast has a ten-thousandfold raw distance; one public version compares those."""
    fixed, moved = images()
    np.testing.assert_allclose(ssc(100 * fixed, moved), ssc(fixed, moved), rtol=1e-4)


def test_is_symmetric_and_zero_for_equal_images():
    fixed, moved = images()
    np.testing.assert_allclose(ssc(fixed, moved), ssc(moved, fixed), rtol=1e-5)
    np.testing.assert_array_equal(ssc(fixed, fixed), 0)


@pytest.mark.parametrize("level", [0.0, 1000.3])
def test_constant_volume_is_not_nan(level):
    fixed, _ = images()
    flat = np.full_like(fixed, level)
    np.testing.assert_array_equal(ssc(flat, flat), 0)
    np.testing.assert_array_equal(channels(flat), 1)
    term = tfregkit.build("similarity", "mind_ssc")
    for moved in (flat, fixed):
        assert np.all(ssc(flat, moved) < 1)
        assert all(np.isfinite(g).all() for g in gradients(lambda f, m: ops.sum(term(f, m)), flat, moved))


def test_descriptors_are_computed_in_float32_under_mixed_precision():
    fixed, moved = (x * 500 for x in images())  # squares overflow half precision
    expected = ssc(fixed, moved)
    with policy("mixed_float16"):
        np.testing.assert_allclose(ssc(fixed, moved), expected, rtol=1e-6)


def test_is_lowest_where_a_contrast_inverted_image_is_aligned():
    fixed, _ = images((1, 19, 23, 17, 1))
    values = [ssc(fixed, np.roll(np.exp(-fixed), shift, 2))[0] for shift in range(-3, 4)]
    assert np.argmin(values) == 3
    assert values[3] < 0.8 * min(values[:3] + values[4:])


@pytest.mark.parametrize("parameters", [{"radius": -1}, {"dilation": 0}])
def test_impossible_parameters_are_refused(parameters):
    with pytest.raises(ConfigError, match=next(iter(parameters))):
        tfregkit.build("similarity", "mind_ssc", **parameters)


@pytest.mark.parity
def test_is_convexadams_away_from_the_border():
    """Its image and its patch distances are continued by their borders one after the other."""
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("convexAdam.convex_adam_utils")
    fixed, moved = images((1, 19, 17, 23, 1))
    tensors = [torch.from_numpy(x[..., 0][:, None]) for x in (fixed, moved)]
    tensors[1].requires_grad_(True)
    inner = (slice(None),) * 2 + (slice(4, -4),) * 3
    one, two = (peer.MINDSSC(x, radius=2, dilation=2, device="cpu")[inner] for x in tensors)
    expected = ((one - two) ** 2).mean()
    expected.backward()
    mask = np.zeros_like(fixed)
    mask[(slice(None), *inner[2:])] = 1
    np.testing.assert_allclose(ssc(fixed, moved, mask), expected.item(), rtol=1e-4)
    term = tfregkit.build("similarity", "mind_ssc")
    (gradient,) = gradients(lambda m: ops.sum(term(fixed, m, mask=mask)), moved)
    slope = tensors[1].grad.numpy()[:, 0, ..., None]
    np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-4 * np.abs(slope).max())
