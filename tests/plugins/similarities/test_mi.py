import numpy as np
import pytest
from backends import gradients
from intensities import images, similarity, uniform
from keras import ops
from references.mutual_information import mutual_information

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.ops import tiles
from tfregkit.testing import checks

FORMS = ("mi", "nmi")
mi = similarity("mi")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check, form):
    check(tfregkit.build("similarity", "mi", form=form))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (2, 17, 13, 2)])
@pytest.mark.parametrize("rule", [{}, {"bins": 7, "ratio": 1.3, "low": -0.2, "high": 0.7}])
def test_agrees_with_the_definition(shape, form, rule):
    fixed, moved = images(shape)
    given = {"bins": rule["bins"], "kernel_ratio": rule["ratio"], "range": (rule["low"], rule["high"])} if rule else {}
    channels = [[(f[..., c], m[..., c]) for c in range(shape[-1])] for f, m in zip(fixed, moved, strict=True)]
    expected = [np.mean([mutual_information(*pair, None, form == "nmi", **rule) for pair in item]) for item in channels]
    np.testing.assert_allclose(mi(fixed, moved, form=form, **given), expected, rtol=2e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("row", [16, 2**12])
def test_gradient_with_respect_to_both_images_agrees_with_finite_differences(form, masked, row, monkeypatch):
    monkeypatch.setattr(tiles, "_ROW", row)
    monkeypatch.setattr(tiles, "_TILE", 4 * row)
    fixed, moved = images((2, 7, 5, 11, 1))
    mask = uniform(fixed.shape) if masked else None
    term = tfregkit.build("similarity", "mi", form=form, bins=13)
    weights = np.array([1.0, -2.0], np.float32)
    found = gradients(lambda f, m: ops.sum(ops.multiply(term(f, m, mask=mask), weights)), fixed, moved)
    for which, gradient in enumerate(found):
        direction = np.random.default_rng(which).normal(size=fixed.shape)

        def value(step, which=which, direction=direction):
            pair = [fixed.astype(np.float64), moved.astype(np.float64)]
            pair[which] = pair[which] + step * direction
            items = zip(*pair, [None, None] if mask is None else mask, strict=True)
            return -float(np.dot([mutual_information(f, m, w, form == "nmi", bins=13) for f, m, w in items], weights))

        slope = (value(1e-6) - value(-1e-6)) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=2e-3)


def test_many_tiles_count_as_one(monkeypatch):
    fixed, moved = images()
    whole = mi(fixed, moved)
    monkeypatch.setattr(tiles, "_ROW", 16)
    monkeypatch.setattr(tiles, "_TILE", 64)
    np.testing.assert_allclose(mi(fixed, moved), whole, rtol=1e-5)


def test_mask_weights_the_voxels():
    fixed, moved = images()
    mask = uniform(fixed.shape)
    expected = [mutual_information(f, m, w) for f, m, w in zip(fixed, moved, mask, strict=True)]
    np.testing.assert_allclose(mi(fixed, moved, mask), expected, rtol=2e-5)
    np.testing.assert_array_equal(mi(fixed, moved, 0 * mask), 0)
    np.testing.assert_array_equal(mi(fixed, moved, 0 * mask, form="nmi"), 1)


# Sampling.


def test_sampling_looks_at_the_voxels_drawn():
    fixed, moved = images((2, 7, 11, 13, 2))
    noise = np.zeros((2, 4096), np.float32)
    noise[1] = 0.25
    mask = uniform((2, 7, 11, 13, 1))
    expected = []
    for f, m, w, first in zip(fixed, moved, mask, (0, 5), strict=True):
        f, m, w = (x.reshape(-1, x.shape[-1])[first:1000:10] for x in (f, m, w))
        expected.append(np.mean([mutual_information(f[:, c], m[:, c], w) for c in range(2)]))
    np.testing.assert_allclose(mi(fixed, moved, mask, noise, sample_ratio=0.1), expected, rtol=2e-5)


def test_sampling_needs_noise_and_without_noise_looks_at_all():
    fixed, moved = images()
    assert tfregkit.build("similarity", "mi", sample_ratio=0.5).needs == ("noise",)
    assert tfregkit.build("similarity", "mi").needs == ()
    np.testing.assert_array_equal(mi(fixed, moved, sample_ratio=0.5), mi(fixed, moved))


def test_range_must_increase():
    with pytest.raises(ConfigError, match="`range` must be two increasing numbers"):
        tfregkit.build("similarity", "mi", range=(1.0, 0.0))


@pytest.mark.parity
def test_is_monais():
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.losses")
    fixed, moved = (np.clip(x, 0, 1) * 0.9 + 0.05 for x in images((1, 17, 19, 13, 1)))
    tensors = [torch.from_numpy(np.moveaxis(x, -1, 1).copy()) for x in (fixed, moved)]
    tensors[1].requires_grad_(True)
    expected = monai.GlobalMutualInformationLoss(num_bins=48, sigma_ratio=0.5)(tensors[1], tensors[0])
    expected.backward()
    np.testing.assert_allclose(mi(fixed, moved), -expected.item(), rtol=1e-3)
    term = tfregkit.build("similarity", "mi")
    (gradient,) = gradients(lambda m: ops.sum(term(fixed, m)), moved)
    peer = np.moveaxis(tensors[1].grad.numpy(), 1, -1)
    np.testing.assert_allclose(gradient, peer, rtol=1e-2, atol=1e-3 * np.abs(peer).max())
