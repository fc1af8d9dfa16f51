import numpy as np
import pytest
from backends import gradients
from descriptor_checks import check_gradient, differences, images
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.testing import checks
from tfregkit.testing.common import policy

VARIANCES = ({"variance": "local"}, {"variance": "fixed", "fixed_variance": 0.3})


def mind(fixed, moved, mask=None, **parameters):
    return ops.convert_to_numpy(tfregkit.build("similarity", "mind", **parameters)(fixed, moved, mask=mask))


@pytest.mark.parametrize("parameters", VARIANCES, ids=("local", "fixed"))
@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check, parameters):
    check(tfregkit.build("similarity", "mind", **parameters))


@pytest.mark.parametrize("parameters", VARIANCES, ids=("local", "fixed"))
@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (2, 17, 13, 2), (2, 5, 3, 1, 1), (1, 47, 53, 59, 1)])
@pytest.mark.parametrize("rule", [{}, {"distance": 1, "patch": 5}], ids=("contrareg", "other"))
def test_agrees_with_the_definition(shape, rule, parameters):
    fixed, moved = images(shape)
    expected = differences(np.abs, fixed, moved, variance=parameters.get("fixed_variance"), **rule)
    np.testing.assert_allclose(
        mind(fixed, moved, **rule, **parameters), expected.reshape(len(fixed), -1).mean(1), rtol=2e-5
    )


def test_contraregs_distance_and_patch_are_the_defaults():
    term = tfregkit.build("similarity", "mind")
    assert (term.distance, term.patch, term.variance) == (2, 3, "local")


def test_mask_weights_the_mean_and_not_the_patches():
    fixed, moved = images()
    mask = np.random.default_rng(1).random(fixed.shape).astype(np.float32)
    expected = (differences(np.abs, fixed, moved) * mask[..., 0]).sum((1, 2, 3)) / mask.sum((1, 2, 3, 4))
    np.testing.assert_allclose(mind(fixed, moved, mask), expected, rtol=2e-5)


@pytest.mark.parametrize("parameters", VARIANCES, ids=("local", "fixed"))
@pytest.mark.parametrize("shape", [(2, 7, 11, 13, 1), (2, 17, 13, 1)])
def test_gradient_with_respect_to_both_images_agrees_with_finite_differences(shape, parameters):
    check_gradient("mind", np.abs, shape, constant=parameters.get("fixed_variance"), **parameters)


def test_limits_of_the_variance_have_no_gradient():
    at_limit = check_gradient("mind", np.abs, (2, 13, 7, 11, 1), weak=0.003)
    assert min(at_limit) > 0.1, "too few voxels are at the limit for this to test anything"


@pytest.mark.parametrize("gain", [3.0, -0.7, 1e-3])
def test_local_variance_does_not_see_gain_and_offset(gain):
    fixed, moved = images()
    np.testing.assert_allclose(mind(fixed, gain * fixed + 0.1), 0, atol=2e-4)
    np.testing.assert_allclose(mind(fixed, gain * moved + 0.1), mind(fixed, moved), rtol=2e-3)


def test_fixed_variance_sees_gain_and_sign_of_it_not():
    fixed, moved = images()
    parameters = VARIANCES[1]
    assert np.all(mind(fixed, 3 * fixed, **parameters) > 0.1)
    np.testing.assert_allclose(mind(fixed, 1 - fixed, **parameters), 0, atol=1e-5)
    np.testing.assert_allclose(mind(fixed, -moved, **parameters), mind(fixed, moved, **parameters), rtol=1e-4)


def test_is_symmetric_and_zero_for_equal_images():
    fixed, moved = images()
    np.testing.assert_allclose(mind(fixed, moved), mind(moved, fixed), rtol=1e-5)
    np.testing.assert_array_equal(mind(fixed, fixed), 0)


@pytest.mark.parametrize("parameters", VARIANCES, ids=("local", "fixed"))
@pytest.mark.parametrize("level", [0.0, 1000.3])
def test_constant_volume_is_not_nan(level, parameters):
    fixed, _ = images()
    flat = np.full_like(fixed, level)
    np.testing.assert_array_equal(mind(flat, flat, **parameters), 0)
    term = tfregkit.build("similarity", "mind", **parameters)
    for moved in (flat, fixed):
        value = mind(flat, moved, **parameters)
        assert np.all((value >= 0) & (value < 1))
        assert all(np.isfinite(g).all() for g in gradients(lambda f, m: ops.sum(term(f, m)), flat, moved))


def test_empty_mask_gives_zero():
    fixed, moved = images()
    np.testing.assert_array_equal(mind(fixed, moved, np.zeros_like(fixed)), 0)


def test_descriptors_are_computed_in_float32_under_mixed_precision():
    fixed, moved = (x * 500 for x in images())  # squares overflow half precision
    expected = mind(fixed, moved)
    with policy("mixed_float16"):
        np.testing.assert_allclose(mind(fixed, moved), expected, rtol=1e-6)


def test_is_lowest_where_a_contrast_inverted_image_is_aligned():
    fixed, _ = images((1, 19, 23, 17, 1))
    values = [mind(fixed, np.roll(np.exp(-fixed), shift, 2))[0] for shift in range(-3, 4)]
    assert np.argmin(values) == 3
    assert values[3] < 0.8 * min(values[:3] + values[4:])


@pytest.mark.parametrize("parameters", [{"patch": 4}, {"patch": 0}, {"distance": 0}, {"fixed_variance": 0.0}])
def test_impossible_parameters_are_refused(parameters):
    with pytest.raises(ConfigError, match=next(iter(parameters))):
        tfregkit.build("similarity", "mind", **parameters)
