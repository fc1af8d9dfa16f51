import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.mutual_information import mutual_information

import tfregkit
from tfregkit.testing import checks

RNG = np.random.default_rng(5)
FORMS = ("mi", "nmi")


def mi(fixed, moved, mask=None, **parameters):
    return -ops.convert_to_numpy(tfregkit.build("similarity", "mi", **parameters)(fixed, moved, mask=mask))


def images(shape=(2, 7, 11, 13, 1), seed=5):
    """Two images that have to do with each other, some of their values outside [0, 1]."""
    fixed, noise = np.random.default_rng(seed).normal(size=(2, *shape))
    fixed, noise = 0.5 + 0.3 * fixed, 0.1 * noise
    return fixed.astype(np.float32), (0.9 - 0.8 * fixed**2 + noise).astype(np.float32)


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
def test_gradient_with_respect_to_both_images_agrees_with_finite_differences(form, masked):
    fixed, moved = images((2, 7, 5, 11, 1))
    mask = RNG.random(fixed.shape).astype(np.float32) if masked else None
    term = tfregkit.build("similarity", "mi", form=form, bins=13)
    weights = np.array([1.0, -2.0], np.float32)
    found = gradients(lambda f, m: ops.sum(ops.multiply(term(f, m, mask=mask), weights)), fixed, moved)
    for which, gradient in enumerate(found):
        direction = RNG.normal(size=fixed.shape)

        def value(step, which=which, direction=direction):
            pair = [fixed.astype(np.float64), moved.astype(np.float64)]
            pair[which] = pair[which] + step * direction
            masks = [None, None] if mask is None else mask
            items = zip(*pair, masks, strict=True)
            return -float(np.dot([mutual_information(f, m, w, form == "nmi", bins=13) for f, m, w in items], weights))

        slope = (value(1e-6) - value(-1e-6)) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=2e-3)
