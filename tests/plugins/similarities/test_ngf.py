import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.ngf import edge
from references.ngf import ngf as reference

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.testing import checks

FORMS = ("distance", "product")
EPSILONS = ("auto", 0.3)


def ngf(fixed, moved, mask=None, **parameters):
    return ops.convert_to_numpy(tfregkit.build("similarity", "ngf", **parameters)(fixed, moved, mask=mask))


def images(shape=(2, 7, 11, 13, 1), seed=5):
    fixed, noise = np.random.default_rng(seed).normal(size=(2, *shape))
    return fixed.astype(np.float32), (0.6 * fixed + 0.8 * noise + 0.3).astype(np.float32)


def ramp(*slopes, shape=(11, 13, 7)):
    """A linear image and a mask of the voxels that do not see its border."""
    grid = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    inside = np.zeros(shape, np.float32)
    inside[(slice(1, -1),) * len(shape)] = 1
    values = sum(slope * axis for slope, axis in zip(slopes, grid, strict=True))
    return values[None, ..., None].astype(np.float32), inside[None, ..., None]


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check, form, epsilon):
    check(tfregkit.build("similarity", "ngf", form=form, epsilon=epsilon))


@pytest.mark.parametrize("spacing", [None, [0.7, 2.0, 1.3]], ids=("cubes", "spacing"))
@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (2, 17, 13, 2), (2, 5, 1, 3, 1), (1, 47, 53, 59, 1)])
def test_agrees_with_the_definition(shape, form, epsilon, spacing):
    fixed, moved = images(shape)
    rule = {"form": form, "epsilon": epsilon, "spacing": spacing and spacing[: len(shape) - 2]}
    pairs = [[(f[..., c], m[..., c]) for c in range(shape[-1])] for f, m in zip(fixed, moved, strict=True)]
    expected = [np.mean([reference(f, m, **rule) for f, m in item]) for item in pairs]
    np.testing.assert_allclose(ngf(fixed, moved, **rule), expected, rtol=2e-5)


@pytest.mark.parametrize("form", FORMS)
def test_mask_weights_the_mean(form):
    fixed, moved = images()
    mask = np.random.default_rng(1).random(fixed.shape).astype(np.float32)
    maps = np.stack([reference(f[..., 0], m[..., 0], form) for f, m in zip(fixed, moved, strict=True)])
    expected = (maps * mask[..., 0]).sum((1, 2, 3)) / mask.sum((1, 2, 3, 4))
    np.testing.assert_allclose(ngf(fixed, moved, mask, form=form), expected, rtol=2e-5)
    np.testing.assert_array_equal(ngf(fixed, moved, 0 * mask, form=form), 0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(2, 7, 5, 11, 1), (2, 13, 17, 1)])
def test_gradient_agrees_with_finite_differences_that_hold_the_automatic_epsilon(shape, form, epsilon, masked):
    fixed, moved = images(shape)
    rng = np.random.default_rng(3)
    mask = (rng.random(fixed.shape) > 0.4).astype(np.float32) if masked else None
    spacing = [0.7, 2.0, 1.3][: len(shape) - 2]
    term = tfregkit.build("similarity", "ngf", form=form, epsilon=epsilon, spacing=spacing)
    weights = np.array([1.0, -2.0], np.float32)
    found = gradients(lambda f, m: ops.sum(ops.multiply(term(f, m, mask=mask), weights)), fixed, moved)
    held = [[epsilon if epsilon != "auto" else edge(x[..., 0], spacing) for x in pair] for pair in (fixed, moved)]

    def value(pair):
        maps = [
            reference(f[..., 0], m[..., 0], form, noise, spacing)
            for f, m, noise in zip(*pair, zip(*held, strict=True), strict=True)
        ]
        masks = np.ones_like(fixed) if mask is None else mask
        return float(np.dot([(v * w[..., 0]).sum() / w.sum() for v, w in zip(maps, masks, strict=True)], weights))

    for which, gradient in enumerate(found):
        direction = np.zeros((2, *shape))
        direction[which] = rng.normal(size=shape)
        pair = np.stack([fixed, moved]).astype(np.float64)
        slope = (value(pair + 1e-5 * direction) - value(pair - 1e-5 * direction)) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction[which]), slope, rtol=1e-3)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_equal_and_inverted_images_are_at_zero_distance(epsilon):
    fixed, _ = images()
    np.testing.assert_allclose(ngf(fixed, fixed, epsilon=epsilon), 0, atol=1e-6)
    inverted = ngf(fixed, 1 - fixed, epsilon=1e-4)
    np.testing.assert_allclose(inverted, 0, atol=1e-4)
    np.testing.assert_allclose(ngf(fixed, 1 - fixed, form="product", epsilon=1e-4), -0.5, atol=1e-4)


def test_product_does_not_see_the_sign_of_the_contrast_and_distance_does_below_epsilon():
    fixed, moved = images()
    np.testing.assert_allclose(ngf(fixed, -moved, form="product"), ngf(fixed, moved, form="product"), rtol=1e-5)
    # <a, b> + e² is 1 - 1 = 0 where b = -a and |a| = e.
    slope, inside = ramp(0.3, 0, 0)
    np.testing.assert_allclose(ngf(slope, -slope, inside, epsilon=0.3), 1, atol=1e-5)


def test_orthogonal_ramps_are_at_distance_one_as_epsilon_goes_to_zero():
    (one, inside), (two, _) = ramp(1, 0, 0), ramp(0, 0, 2)
    for epsilon in (1e-1, 1e-2, 1e-3):
        np.testing.assert_allclose(ngf(one, two, inside, epsilon=epsilon), 1, atol=1.1 * epsilon**2)
    np.testing.assert_allclose(ngf(one, two, inside, form="product", epsilon=1e-3), 0, atol=1e-6)


@pytest.mark.parametrize("angle", [10, 45, 130])
def test_ramps_at_an_angle_are_at_distance_one_less_cosine_squared(angle):
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    (one, inside), (two, _) = ramp(0, 1, 0), ramp(0, 2 * cosine, 2 * sine)
    np.testing.assert_allclose(ngf(one, two, inside, epsilon=1e-3), sine**2, rtol=1e-4)
    np.testing.assert_allclose(ngf(one, two, inside, form="product", epsilon=1e-3), -0.5 * cosine**2, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_does_not_see_gain_and_offset_when_epsilon_scales(form):
    fixed, moved = images()
    expected = ngf(fixed, moved, form=form)
    np.testing.assert_allclose(ngf(0.01 * fixed, 50 * moved - 3, form=form), expected, rtol=1e-4)
    expected = ngf(fixed, moved, form=form, epsilon=0.2)
    np.testing.assert_allclose(ngf(7 * fixed, 7 * moved + 1, form=form, epsilon=1.4), expected, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_rotating_both_images_by_90_degrees_changes_nothing(form):
    """Nor does mirroring: the differences are central, not forward."""
    fixed, moved = images()
    expected = ngf(fixed, moved, form=form)
    np.testing.assert_allclose(
        ngf(np.rot90(fixed, axes=(1, 3)), np.rot90(moved, axes=(1, 3)), form=form), expected, 1e-5
    )
    np.testing.assert_allclose(ngf(fixed[:, ::-1], moved[:, ::-1], form=form), expected, 1e-5)


def test_differences_are_divided_by_the_spacing():
    """Two public versions multiply. With voxels of 1 and 3 mm a slope of 3 per voxel is one of 1 per mm."""
    (one, inside), (two, _) = ramp(1, 0, 0), ramp(1, 3, 0)
    np.testing.assert_allclose(ngf(one, two, inside, epsilon=1e-3, spacing=[1, 3, 1]), 0.5, rtol=1e-4)
    np.testing.assert_allclose(ngf(one, two, inside, epsilon=1e-3), 0.9, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_automatic_epsilon_sees_the_ratios_of_the_spacing_only(form):
    fixed, moved = images()
    expected = ngf(fixed, moved, form=form, spacing=[1.0, 2.0, 3.0])
    np.testing.assert_allclose(ngf(fixed, moved, form=form, spacing=[2.0, 4.0, 6.0]), expected, rtol=1e-5)


def test_the_border_counts_as_well():
    """Forward differences with joint cropping, one public version's, leave out the last plane of each axis."""
    fixed, moved = np.zeros((2, 1, 5, 7, 11, 1), np.float32)
    fixed[:, -1, 3, 4], moved[:, -1, 3, 4] = 1, 1
    assert ngf(fixed, moved, form="product", epsilon=1e-3)[0] < -0.4 * 2 / fixed.size


def test_epsilon_is_computed_anew_for_each_call_and_item():
    """One public version keeps the epsilon of its first batch."""
    fixed, moved = images()
    term = tfregkit.build("similarity", "ngf")
    term(100 * fixed, 100 * moved)
    np.testing.assert_array_equal(ops.convert_to_numpy(term(fixed, moved)), ngf(fixed, moved))
    scale = np.array([1, 1000], np.float32).reshape(2, 1, 1, 1, 1)
    np.testing.assert_allclose(ngf(scale * fixed, moved), ngf(fixed, moved), rtol=1e-4)


def test_a_tiny_epsilon_lets_noise_dominate():
    """Two noisy images of one flat thing: random orientations are no mismatch unless epsilon is below the noise."""
    one, two = (0.5 + 0.002 * image for image in np.random.default_rng(1).normal(size=(2, 1, 19, 23, 17, 1)))
    one, two = one.astype(np.float32), two.astype(np.float32)
    assert ngf(one, two, epsilon=1e-5)[0] > 0.6
    assert ngf(one, two, epsilon=0.1)[0] < 0.01


def test_central_differences_do_not_see_a_checkerboard():
    fixed, moved = images()
    board = np.indices(fixed.shape[1:4]).sum(0) % 2
    inner = np.zeros_like(fixed)
    inner[:, 1:-1, 1:-1, 1:-1] = 1
    changed = moved + board[None, ..., None].astype(np.float32)
    np.testing.assert_allclose(
        ngf(fixed, changed, inner, epsilon=0.3), ngf(fixed, moved, inner, epsilon=0.3), rtol=1e-5
    )


def test_constant_images_have_the_documented_values():
    fixed, _ = images()
    flat = np.full_like(fixed, 1000.3)
    np.testing.assert_allclose(ngf(flat, flat), 0, atol=1e-6)
    np.testing.assert_array_equal(ngf(flat, flat, form="product"), 0)
    assert np.all((ngf(fixed, flat) > 0.2) & (ngf(fixed, flat) < 1))
    np.testing.assert_allclose(ngf(fixed, flat, form="product"), 0, atol=1e-6)


@pytest.mark.parametrize("parameters", [{"epsilon": 0.0}, {"spacing": [1.0, 0.0, 1.0]}, {"form": "other"}])
def test_impossible_parameters_are_refused(parameters):
    with pytest.raises(ConfigError, match=next(iter(parameters))):
        tfregkit.build("similarity", "ngf", **parameters)


def test_spacing_must_fit_the_image():
    with pytest.raises(ConfigError, match=r"ngf.spacing: 2 numbers for images of 3 axes"):
        ngf(*images(), spacing=[1.0, 2.0])
