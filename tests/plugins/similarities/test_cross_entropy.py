import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.overlap import cross_entropy

import tfregkit
from tfregkit.testing import checks

RNG = np.random.default_rng(5)
SHAPE = (2, 5, 7, 11, 3)
TRUTH = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, SHAPE[:-1])]
LOGITS = RNG.normal(0, 3, SHAPE).astype(np.float32)
MASK = RNG.random((*SHAPE[:-1], 1)).astype(np.float32)


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).astype(np.float32)


def entropy(*maps, **options):
    return ops.convert_to_numpy(tfregkit.build("similarity", "cross_entropy")(*maps, **options))


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(tfregkit.build("similarity", "cross_entropy"))


def test_agrees_with_the_formula_by_logits_and_by_probabilities():
    for mask, weights in ((None, np.ones(SHAPE[:-1])), (MASK, MASK[..., 0].astype(float))):
        expected = [
            cross_entropy(t.astype(float), x.astype(float), w) for t, x, w in zip(TRUTH, LOGITS, weights, strict=True)
        ]
        np.testing.assert_allclose(entropy(TRUTH, softmax(LOGITS), mask=mask, logits=LOGITS), expected, rtol=1e-5)
        np.testing.assert_allclose(entropy(TRUTH, softmax(LOGITS), mask=mask), expected, rtol=1e-4)


def test_closed_forms():
    even = np.zeros(SHAPE, np.float32)
    np.testing.assert_allclose(entropy(TRUTH, softmax(even), logits=even), np.log(3), rtol=1e-5)
    np.testing.assert_allclose(entropy(TRUTH, softmax(LOGITS), logits=LOGITS + 100), entropy(TRUTH, softmax(LOGITS),
                               logits=LOGITS), rtol=1e-4)  # fmt: skip
    np.testing.assert_array_equal(entropy(TRUTH, softmax(LOGITS), mask=0 * MASK, logits=LOGITS), 0)


def test_logits_far_apart_still_have_a_gradient():
    """Where the true class' probability rounds to 0 the logarithm of probabilities would have none."""
    logits = np.where(TRUTH == 1, -150.0, 150.0).astype(np.float32)

    def total(x):
        return ops.sum(tfregkit.build("similarity", "cross_entropy")(TRUTH, ops.softmax(x), logits=x))

    (slope,) = gradients(total, logits)
    expected = (softmax(logits) - TRUTH) / np.prod(SHAPE[1:-1])
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(entropy(TRUTH, softmax(logits), logits=logits), 300 + np.log(2), rtol=1e-5)
