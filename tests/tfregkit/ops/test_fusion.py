import numpy as np
import pytest
from keras import ops
from references.fusion import l1_weights as reference

from tfregkit.ops.fusion import FUSION_RULES, fuse_addition, fuse_l1, l1_weights


def maps(shape=(2, 7, 11, 5), count=2, seed=3):
    """Maps of which a corner is zero in all images, and another one in the first."""
    found = np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)
    found[:, :, :4, :4] = 0
    found[0, :, -3:] = 0
    return [ops.convert_to_tensor(each) for each in found]


def array(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize(("shape", "count", "radius"), [((2, 7, 11, 5), 2, 1), ((2, 5, 7, 6, 3), 3, 2)])
def test_weights_are_the_definition_and_sum_to_one(shape, count, radius):
    given = maps(shape, count)
    found = np.stack([array(weight) for weight in l1_weights(given, radius)])
    assert found.shape == (count, *shape[:-1], 1)
    for item in range(shape[0]):
        expected = reference([array(each)[item] for each in given], radius)
        np.testing.assert_allclose(found[:, item, ..., 0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.sum(0), 1, rtol=1e-6)
    assert (found == 0.5).any() == (count == 2)  # where no image has activity they count alike


def test_l1_is_the_weighted_sum():
    one, other = maps()
    weights = reference([array(one)[1], array(other)[1]])
    expected = weights[0][..., None] * array(one)[1] + weights[1][..., None] * array(other)[1]
    np.testing.assert_allclose(array(fuse_l1([one, other]))[1], expected, rtol=1e-5, atol=1e-6)


def test_equal_maps_are_given_back_by_l1_and_doubled_by_addition():
    one, _ = maps()
    np.testing.assert_allclose(array(fuse_l1([one, one])), array(one), rtol=1e-6)
    np.testing.assert_array_equal(array(fuse_addition([one, one])), 2 * array(one))


@pytest.mark.parametrize("rule", FUSION_RULES)
def test_the_order_does_not_matter(rule):
    one, other = maps()
    fused = array(FUSION_RULES[rule]([one, other]))
    np.testing.assert_allclose(fused, array(FUSION_RULES[rule]([other, one])), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", FUSION_RULES)
def test_an_image_without_activity_leaves_the_other_one(rule):
    one, _ = maps(seed=4)
    fused = array(FUSION_RULES[rule]([one, ops.zeros_like(one)]))
    np.testing.assert_allclose(fused, array(one), rtol=1e-5)
