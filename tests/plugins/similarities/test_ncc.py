import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.local_correlation import local_correlation

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.testing import checks

RNG = np.random.default_rng(5)
FORMS = ("square", "root")
MODES = ("clamp", "legacy", "vxm_dev")


def ncc(fixed, moved, mask=None, **parameters):
    return ops.convert_to_numpy(tfregkit.build("similarity", "ncc", **parameters)(fixed, moved, mask=mask))


def images(shape=(2, 7, 11, 13, 1), seed=5):
    fixed, noise = np.random.default_rng(seed).normal(size=(2, *shape))
    return fixed.astype(np.float32), (0.6 * fixed + 0.8 * noise + 0.3).astype(np.float32)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check, form):
    check(tfregkit.build("similarity", "ncc", window=5, form=form))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (2, 17, 13, 2)])
def test_agrees_with_the_definition(shape, form, mode):
    fixed, moved = images(shape)
    pairs = [[(f[..., c], m[..., c]) for c in range(shape[-1])] for f, m in zip(fixed, moved, strict=True)]
    expected = [-np.mean([local_correlation(f, m, 5, form, 1e-5, mode) for f, m in item]) for item in pairs]
    found = ncc(fixed, moved, window=5, form=form, epsilon_mode=mode)
    np.testing.assert_allclose(found, expected, rtol=2e-5)


@pytest.mark.parametrize("form", FORMS)
def test_slip_of_losses_printed_without_a_minus_a_better_match_must_cost_less(form):
    """PC-SwinMorph's equations 1 and 2, and `L1 + NCC` of ContraReg's autoencoders, add the correlation itself."""
    fixed, moved = images()
    values = [ncc(fixed, share * fixed + (1 - share) * moved, window=5, form=form) for share in (0, 0.5, 1)]
    assert np.all(np.diff(values, axis=0) < -0.01)


def test_mask_weights_the_mean_of_the_windows():
    fixed, moved = images()
    mask = RNG.random(fixed.shape).astype(np.float32)
    maps = np.stack([local_correlation(f[..., 0], m[..., 0], 5) for f, m in zip(fixed, moved, strict=True)])
    expected = -(maps * mask[..., 0]).sum((1, 2, 3)) / mask.sum((1, 2, 3, 4))
    np.testing.assert_allclose(ncc(fixed, moved, mask, window=5), expected, rtol=2e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("masked", [False, True])
def test_gradient_with_respect_to_both_images_agrees_with_finite_differences(form, mode, masked):
    fixed, moved = images((2, 7, 5, 11, 1))
    fixed, moved = (_centred(x) for x in (fixed, moved))  # the mean and the scale are constants of the gradient
    mask = (RNG.random(fixed.shape) > 0.4).astype(np.float32) if masked else None
    term = tfregkit.build("similarity", "ncc", window=3, form=form, epsilon_mode=mode)
    weights = np.array([1.0, -2.0], np.float32)
    found = gradients(lambda f, m: ops.sum(ops.multiply(term(f, m, mask=mask), weights)), fixed, moved)
    for which, gradient in enumerate(found):
        direction = _without_mean_and_scale(RNG.normal(size=fixed.shape), (fixed, moved)[which])

        def value(step, which=which, direction=direction):
            pair = [fixed.astype(np.float64), moved.astype(np.float64)]
            pair[which] = pair[which] + step * direction
            maps = [local_correlation(f[..., 0], m[..., 0], 3, form, 1e-5, mode) for f, m in zip(*pair, strict=True)]
            masks = np.ones_like(fixed) if mask is None else mask
            means = [-(cc * w[..., 0]).sum() / w.sum() for cc, w in zip(maps, masks, strict=True)]
            return float(np.dot(means, weights))

        slope = (value(1e-5) - value(-1e-5)) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=2e-3)


def _centred(x):
    axes = tuple(range(1, x.ndim))
    return ((x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)).astype(np.float32)


def _without_mean_and_scale(direction, image):
    """A direction along which mean and variance of each item stay what they are, to first order."""
    axes = tuple(range(1, image.ndim))
    direction = direction - direction.mean(axes, keepdims=True)
    return direction - (direction * image).mean(axes, keepdims=True) * image


@pytest.mark.parametrize("form", FORMS)
def test_does_not_see_gain_and_offset(form):
    fixed, moved = images()
    same = ncc(fixed, moved, form=form)
    np.testing.assert_allclose(ncc(fixed, 1e-3 * moved + 5, form=form), same, rtol=1e-3)
    np.testing.assert_allclose(ncc(fixed, 50 * moved - 1000, form=form), same, rtol=1e-3)


def test_square_does_not_see_the_sign_of_the_contrast_and_root_does():
    fixed, moved = images()
    np.testing.assert_allclose(ncc(fixed, -moved), ncc(fixed, moved), rtol=1e-5)
    np.testing.assert_allclose(ncc(fixed, -moved, form="root"), -ncc(fixed, moved, form="root"), rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_is_symmetric_and_minus_one_for_equal_images(form):
    fixed, moved = images()
    np.testing.assert_allclose(ncc(fixed, moved, form=form), ncc(moved, fixed, form=form), rtol=1e-5)
    np.testing.assert_allclose(ncc(fixed, fixed, form=form), -1, atol=1e-4)


def test_degenerate_inputs_have_the_documented_values():
    fixed, moved = images()
    flat = np.full_like(fixed, 1000.3)
    np.testing.assert_allclose(ncc(flat, flat), 0, atol=1e-4)
    np.testing.assert_allclose(ncc(fixed, flat, form="root"), 0, atol=1e-3)
    np.testing.assert_allclose(ncc(fixed, moved, window=1), 0, atol=1e-4)
    np.testing.assert_allclose(ncc(fixed, moved, np.zeros_like(fixed)), 0, atol=0)
    np.testing.assert_allclose(ncc(0 * fixed, 0 * fixed, epsilon_mode="vxm_dev"), -1, rtol=1e-4)
    np.testing.assert_allclose(ncc(fixed, 1 - fixed, epsilon_mode="vxm_dev"), 0, atol=1e-10)
    low = np.random.default_rng(0).random(fixed.shape).astype(np.float32) * 1e-3
    assert np.all(ncc(low, low, epsilon_mode="legacy") > -0.01)


def test_a_window_larger_than_the_image_is_the_zero_padded_one():
    fixed, moved = images((2, 5, 3, 7, 1))
    expected = [-local_correlation(f[..., 0], m[..., 0], 9).mean() for f, m in zip(fixed, moved, strict=True)]
    np.testing.assert_allclose(ncc(fixed, moved, window=9), expected, rtol=2e-5)


@pytest.mark.parametrize("window", [8, 0])
def test_window_must_be_odd(window):
    with pytest.raises(ConfigError, match="window"):
        tfregkit.build("similarity", "ncc", window=window)


@pytest.mark.parity
def test_legacy_is_neurites():
    torch = pytest.importorskip("torch")
    neurite = pytest.importorskip("neurite")
    fixed, moved = images((1, 17, 19, 13, 1))
    tensors = [torch.from_numpy(x[..., 0][:, None]) for x in (fixed, moved)]
    tensors[1].requires_grad_(True)
    expected = neurite.nn.modules.NCC(window_size=7)(*tensors)
    expected.sum().backward()
    np.testing.assert_allclose(ncc(fixed, moved, window=7, epsilon_mode="legacy"), -expected.item(), rtol=1e-4)
    term = tfregkit.build("similarity", "ncc", window=7, epsilon_mode="legacy")
    (gradient,) = gradients(lambda m: ops.sum(term(fixed, m)), moved)
    peer = -tensors[1].grad.numpy()[:, 0, ..., None]
    np.testing.assert_allclose(gradient, peer, rtol=1e-3, atol=1e-4 * np.abs(peer).max())
