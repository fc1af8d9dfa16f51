import keras
import numpy as np
import pytest
from backends import gradients, tensorflow_only
from keras import ops
from references import transformer

from tfregkit.ops.attention import attention

RNG = np.random.default_rng(5)


def tokens(*shape, dtype="float32"):
    return RNG.normal(size=shape).astype(dtype)


def numpy(x):
    return ops.convert_to_numpy(x)


def test_agrees_with_the_definition():
    query, key, value = (tokens(2, number, 3, 5) for number in (7, 11, 11))
    expected = transformer.attention(*(x.astype(np.float64) for x in (query, key, value)))
    np.testing.assert_allclose(numpy(attention(query, key, value)), expected, atol=1e-5)


def test_tokens_that_look_alike_are_averaged_and_order_does_not_matter():
    query, value = tokens(2, 7, 3, 5), tokens(2, 11, 3, 5)
    same = np.broadcast_to(tokens(2, 1, 3, 5), value.shape).copy()
    mean = np.broadcast_to(value.mean(1, keepdims=True), query.shape)
    np.testing.assert_allclose(numpy(attention(query, same, value)), mean, atol=1e-5)
    key, order = tokens(2, 11, 3, 5), RNG.permutation(11)
    found = numpy(attention(query, key[:, order], value[:, order]))
    np.testing.assert_allclose(found, numpy(attention(query, key, value)), atol=1e-5)


@tensorflow_only
@pytest.mark.parametrize("most", [2**24, 6 * 13 * 4, 1])
def test_some_queries_at_a_time_with_a_gradient_that_computes_the_matrix_again(monkeypatch, most):
    """All at once, four of eleven at a time, one by one: value and gradient of the generic code in float64."""
    from tfregkit.backend import tf_attention

    monkeypatch.setattr(tf_attention, "MOST", most)
    query, key, value = (tokens(2, number, 3, 5, dtype="float64") for number in (11, 13, 13))
    weight = tokens(2, 11, 3, 5, dtype="float64")
    np.testing.assert_allclose(
        numpy(tf_attention.attention(*map(ops.convert_to_tensor, (query, key, value)))),
        transformer.attention(query, key, value),
        atol=1e-12,
    )
    found = gradients(lambda *x: ops.sum(weight * tf_attention.attention(*x)), query, key, value)
    expected = gradients(lambda *x: ops.sum(weight * ops.dot_product_attention(*x)), query, key, value)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(other).max() > 0.1
        np.testing.assert_allclose(one, other, atol=1e-6)  # the generic scale is a float32 number


@tensorflow_only
def test_no_matrix_is_kept_for_the_gradient():
    """What the forward pass hands to the backward pass is in tokens, not in tokens squared."""
    import tensorflow as tf

    from tfregkit.backend.tf_attention import attention as fast

    number = 257
    arguments = [tf.constant(tokens(1, number, 2, 3)) for _ in range(3)]

    @tf.function(autograph=False)
    def step(query, key, value):
        return fast(query, key, value)

    forward = step.get_concrete_function(*arguments)
    _, backward = forward._delayed_rewrite_functions.forward_backward(1)
    kept = [tensor.shape for tensor in backward.structured_input_signature[0]]
    assert kept
    assert max(shape.num_elements() for shape in kept) <= 2 * number * 3


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_near(dtype):
    query, key, value = (tokens(1, 307, 2, 223) for _ in range(3))  # large enough for TensorFlow's own
    found = attention(*(ops.cast(x, dtype) for x in (query, key, value)))
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    exact = numpy(ops.dot_product_attention(query, key, value))
    np.testing.assert_allclose(numpy(ops.cast(found, "float32")), exact, atol=0.05)
