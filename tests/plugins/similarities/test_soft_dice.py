import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.overlap import soft_dice_loss

import tfregkit
from tfregkit.testing import checks

RNG = np.random.default_rng(3)
SHAPE = (2, 5, 7, 11, 4)
TRUTH = np.eye(4, dtype=np.float32)[RNG.choice(4, SHAPE[:-1], p=[0.5, 0.3, 0.15, 0.05])]
FOUND = RNG.dirichlet([2, 1, 1, 0.5], SHAPE[:-1]).astype(np.float32)
MASK = RNG.random((*SHAPE[:-1], 1)).astype(np.float32)


def loss(*maps, mask=None, **options):
    return ops.convert_to_numpy(tfregkit.build("similarity", "soft_dice", **options)(*maps, mask=mask))


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
@pytest.mark.parametrize("squared", [False, True])
def test_conforms(check, squared):
    check(tfregkit.build("similarity", "soft_dice", squared=squared))


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("background", [False, True])
def test_agrees_with_the_formula(squared, background):
    options = {"squared": squared, "background": background}
    for mask in (None, MASK):
        weights = np.ones(SHAPE[:-1]) if mask is None else mask[..., 0].astype(float)
        expected = [
            soft_dice_loss(t.astype(float), f.astype(float), w, first=1 - background, squared=squared)
            for t, f, w in zip(TRUTH, FOUND, weights, strict=True)
        ]
        np.testing.assert_allclose(loss(TRUTH, FOUND, mask=mask, **options), expected, rtol=1e-5)


def test_of_binary_maps_it_is_one_minus_dice():
    truth, found = np.zeros((2, 1, 13, 7, 5, 2), np.float32)
    truth[0, :6, ..., 1], found[0, 4:9, ..., 1] = 1, 1
    np.testing.assert_allclose(loss(truth, found), 1 - 2 * 2 / (6 + 5), rtol=1e-6)
    np.testing.assert_allclose(loss(truth, truth), 0, atol=1e-7)


def test_structures_that_are_not_there_are_left_out():
    truth = TRUTH.copy()
    truth[0, ..., 3] = 0  # item 0 lacks one structure, item 1 all of them
    truth[1, ..., 1:] = 0
    expected = soft_dice_loss(truth[0, ..., :3].astype(float), FOUND[0, ..., :3].astype(float), np.ones(SHAPE[1:-1]))
    np.testing.assert_allclose(loss(truth, FOUND), [expected, 0], rtol=1e-5, atol=1e-7)
    (slope,) = gradients(lambda x: ops.sum(tfregkit.build("similarity", "soft_dice")(truth, x)), FOUND)
    assert np.isfinite(slope).all()
    assert (slope[0, ..., 1] != 0).all()
    assert not slope[0, ..., 3].any()
    assert not slope[1].any()


def test_the_gradient_is_that_of_the_formula():
    (slope,) = gradients(lambda x: ops.sum(tfregkit.build("similarity", "soft_dice")(TRUTH, x)), FOUND)
    for channel in (1, 2, 3):
        t, f = TRUTH[1, ..., channel].astype(float), FOUND[1, ..., channel].astype(float)
        size = t.sum() + f.sum()
        expected = -(2 * t * size - 2 * (t * f).sum()) / size**2 / 3
        np.testing.assert_allclose(slope[1, ..., channel], expected, rtol=1e-4, atol=1e-8)
    assert not slope[..., 0].any()


def test_half_precision_maps_are_summed_in_float32():
    truth = np.ones((1, 59, 61, 67, 2), np.float16)  # 241133 voxels: more than float16 can count
    np.testing.assert_allclose(loss(truth, truth / 2), 1 - 2 * 0.5 / 1.5, rtol=1e-5)
