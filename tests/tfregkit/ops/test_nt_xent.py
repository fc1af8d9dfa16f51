import numpy as np
import pytest
from backends import gradients
from keras import ops
from references import contrast

from tfregkit.ops.nt_xent import nt_xent


def pairs(items, size=5, seed=0):
    rows = np.random.default_rng(seed).normal(size=(items, 2, size))
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype("float32")


def loss(*arguments, **options):
    return ops.convert_to_numpy(nt_xent(*arguments, **options))


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("persons", [None, [[0, 1], [2, 0], [3, 4], [5, 6], [1, 3]]])
def test_agrees_with_the_definition(temperature, persons):
    """Of five pairs that share persons: 0-1, 2-0, 3-4, 5-6, 1-3."""
    z, persons = pairs(5), None if persons is None else np.array(persons, "int32")
    expected = contrast.nt_xent(z, temperature, persons)
    rounding = 4 * np.finfo("float32").eps / temperature  # of the logits
    np.testing.assert_allclose(loss(z, temperature, persons), expected, rtol=2e-5, atol=rounding)


@pytest.mark.parametrize("items", [2, 8])
def test_equal_vectors_give_the_log_of_their_number_less_one(items):
    z = np.repeat(np.repeat(pairs(1), items, axis=0)[:, :1], 2, axis=1)
    np.testing.assert_allclose(loss(z, 0.5), np.log(2 * items - 1), rtol=1e-5)
    assert abs(np.log(2 * 8 - 1) - 2.708) < 1e-3


def test_orthogonal_pairs_at_the_codes_temperature():
    """Each pair equal, pairs orthogonal to each other: 2B - 2 = 14 negatives."""
    z = np.repeat(np.eye(8, dtype="float32")[:, None], 2, axis=1)
    np.testing.assert_allclose(loss(z, 0.5), np.log(1 + 14 * np.exp(-2)), rtol=1e-5)
    assert abs(np.log(1 + 14 * np.exp(-2)) - 1.0629) < 1e-4


def test_one_pair_alone_has_no_negatives():
    np.testing.assert_array_equal(loss(pairs(1), 0.5), 0)
    (slope,) = gradients(lambda z: ops.sum(nt_xent(z, 0.5)), pairs(1))
    np.testing.assert_array_equal(slope, 0)


def test_is_symmetric_in_the_images_of_a_pair_and_the_order_of_the_batch():
    z, persons, order = pairs(5), np.array([[0, 1], [2, 0], [3, 4], [5, 6], [1, 3]]), [3, 1, 4, 0, 2]
    expected = loss(z, 0.5, persons)
    np.testing.assert_allclose(loss(z[:, ::-1].copy(), 0.5, persons[:, ::-1].copy())[:, ::-1], expected, rtol=1e-5)
    np.testing.assert_allclose(loss(z[order], 0.5, persons[order]), expected[order], rtol=1e-5)


def test_images_of_one_person_are_no_negatives():
    """Two scans of person 0 as moving images: the anchors of one pair see nothing of the other pair's."""
    z, persons = pairs(3), np.array([[0, 1], [0, 2], [3, 4]])
    moved = z.copy()
    moved[1, 0] = pairs(3, seed=9)[1, 0]
    one, other = (loss(x, 0.5, persons) for x in (z, moved))
    np.testing.assert_allclose(one[0], other[0], rtol=1e-6)  # the anchors of pair 0 see nothing of pair 1
    assert not np.allclose(one[2], other[2], rtol=1e-3)
    assert not np.allclose(loss(z, 0.5)[0], loss(moved, 0.5)[0], rtol=1e-3)


def test_atlas_pitfall_nothing_is_pushed_from_the_partner_of_all():
    """With the atlas as every pair's fixed image, its other copies in the batch are no negatives of anybody."""
    z = pairs(4)
    z[:, 1] = z[0, 1]
    persons = np.stack([np.arange(4), np.full(4, 9)], axis=1)
    found = loss(z, 0.5, persons)
    np.testing.assert_allclose(found[:, 1], 0, atol=1e-6)
    among_moving = contrast.nt_xent(z, 0.5, negatives=lambda a, b: a[1] == b[1] == 0)
    np.testing.assert_allclose(found[:, 0], among_moving[:, 0], rtol=1e-5)
    assert np.all(loss(z, 0.5)[:, 0] > found[:, 0] + 0.1)  # false negatives: the positive itself, three times more


def test_two_persons_only_leave_no_negatives():
    np.testing.assert_allclose(loss(pairs(4), 0.5, np.array([[0, 1]] * 4)), 0, atol=1e-6)


def test_stable_in_float32_at_a_low_temperature():
    z = pairs(4)
    np.testing.assert_allclose(loss(z, 0.005), contrast.nt_xent(z, 0.005), rtol=1e-4, atol=1e-4)
    (slope,) = gradients(lambda x: ops.sum(nt_xent(x, 0.005)), z)
    assert np.isfinite(slope).all()


def test_gradient_agrees_with_differences_of_the_definition():
    z, persons, h = pairs(3, 3, seed=4), np.array([[0, 1], [2, 0], [3, 4]]), 1e-5
    (slope,) = gradients(lambda x: ops.sum(nt_xent(x, 0.5, persons)), z)
    for place in np.ndindex(z.shape):
        sides = []
        for sign in (1, -1):
            moved = z.astype(float)
            moved[place] += sign * h
            sides.append(contrast.nt_xent(moved, 0.5, persons).sum())
        assert slope[place] == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=2e-3, abs=1e-5)
