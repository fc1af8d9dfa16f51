import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.structural_similarity import structural_similarity

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.testing import checks

RNG = np.random.default_rng(6)


def ssim(fixed, moved, mask=None, **parameters):
    return ops.convert_to_numpy(tfregkit.build("similarity", "ssim", **parameters)(fixed, moved, mask=mask))


def images(shape=(2, 7, 11, 13, 1), seed=5):
    rng = np.random.default_rng(seed)
    fixed = rng.random(shape)
    return fixed.astype(np.float32), (0.7 * fixed + 0.2 * rng.random(shape) + 0.05).astype(np.float32)


def maps(fixed, moved, window, **parameters):
    """`(B, X, Y[, Z], C)`, channel by channel."""
    found = [
        np.stack([structural_similarity(f[..., c], m[..., c], window, **parameters) for c in range(f.shape[-1])], -1)
        for f, m in zip(fixed, moved, strict=True)
    ]
    return np.stack(found)


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(tfregkit.build("similarity", "ssim", window=5))


@pytest.mark.parametrize(
    ("shape", "window", "sides"),
    [
        ((2, 17, 13, 2), 11, (11, 11)),
        ((2, 7, 11, 13, 1), 5, (5, 5, 5)),
        ((2, 17, 13, 5, 1), [11, 7, 1], (11, 7, 1)),
        ((2, 5, 3, 7, 2), 11, (11, 11, 11)),
    ],
)
def test_agrees_with_the_definition(shape, window, sides):
    fixed, moved = images(shape)
    expected = 1 - maps(fixed, moved, sides).mean(axis=tuple(range(1, len(shape))))
    np.testing.assert_allclose(ssim(fixed, moved, window=window), expected, rtol=2e-4)
    assert expected.min() > 0.02


def test_slices_one_by_one_are_2d_images():
    """A window of one voxel along an axis: the mean over the slices' values."""
    fixed, moved = images((1, 17, 13, 5, 1))
    slices = [np.moveaxis(image[0], 2, 0) for image in (fixed, moved)]
    np.testing.assert_allclose(ssim(fixed, moved, window=[11, 11, 1]), ssim(*slices).mean(), rtol=1e-4)
    assert abs(ssim(fixed, moved, window=11)[0] / ssim(*slices).mean() - 1) > 0.01


def test_range_and_sigma_are_those_given():
    fixed, moved = (200 * x for x in images())
    expected = 1 - maps(fixed, moved, (5, 5, 5), sigma=0.8, data_range=200).mean(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(ssim(fixed, moved, window=5, sigma=0.8, data_range=200.0), expected, rtol=1e-3)
    assert np.all(ssim(fixed, moved, window=5, sigma=0.8) > expected)


def test_mask_weights_the_mean_of_the_windows():
    fixed, moved = images()
    mask = RNG.random(fixed.shape).astype(np.float32)
    expected = 1 - (maps(fixed, moved, (5, 5, 5)) * mask).sum((1, 2, 3, 4)) / mask.sum((1, 2, 3, 4))
    np.testing.assert_allclose(ssim(fixed, moved, mask, window=5), expected, rtol=2e-4)
    np.testing.assert_array_equal(ssim(fixed, moved, 0 * mask), 1)


def test_gradient_with_respect_to_both_images_agrees_with_finite_differences():
    fixed, moved = images((2, 7, 5, 11, 1))
    term, weights = tfregkit.build("similarity", "ssim", window=3), np.array([1.0, -2.0], np.float32)
    found = gradients(lambda f, m: ops.sum(ops.multiply(term(f, m), weights)), fixed, moved)
    for which, gradient in enumerate(found):
        direction = RNG.normal(size=fixed.shape)

        def value(step, which=which, direction=direction):
            pair = [fixed.astype(np.float64), moved.astype(np.float64)]
            pair[which] = pair[which] + step * direction
            return float(np.dot(-maps(*pair, (3, 3, 3)).mean(axis=(1, 2, 3, 4)), weights))

        slope = (value(1e-5) - value(-1e-5)) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-3)


def test_known_values():
    """Equal images: 0. Two constants: eq. 6 of the paper, luminance alone. Inverted contrast: more than 1."""
    fixed, moved = images()
    np.testing.assert_allclose(ssim(fixed, fixed), 0, atol=1e-5)
    np.testing.assert_allclose(ssim(fixed, moved), ssim(moved, fixed), rtol=1e-5)
    one, other = np.full((1, 5, 7, 1), 0.2, np.float32), np.full((1, 5, 7, 1), 0.6, np.float32)
    luminance = (2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4)
    np.testing.assert_allclose(ssim(one, other), 1 - luminance, rtol=1e-4)
    assert np.all(ssim(fixed, 1 - fixed) > 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": 8}, "`window` must be odd and positive"),
        ({"window": [3, 4]}, "`window` must be odd and positive"),
        ({"window": [3]}, "window"),
        ({"sigma": 0}, "sigma"),
        ({"data_range": -1}, "data_range"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(ConfigError, match=message):
        tfregkit.build("similarity", "ssim", **parameters)


def test_sides_for_another_number_of_axes_are_refused():
    with pytest.raises(ValueError, match="`window` must be one number or 2, one for each axis"):
        ssim(*images((1, 7, 5, 1)), window=[3, 3, 1])
