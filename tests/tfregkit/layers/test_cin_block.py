import keras
import numpy as np
import pytest
from keras import ops

from tfregkit.layers.cin_block import CINBlock
from tfregkit.layers.up_cin_block import UpCINBlock

RNG = np.random.default_rng(10)


def array(x):
    return ops.convert_to_numpy(x)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def stirred(block, *inputs):
    block(*inputs)
    block.set_weights([w + 0.3 * RNG.normal(size=w.shape) for w in block.get_weights()])
    return block


@pytest.mark.parametrize("shape", [(5, 7, 3), (11, 7)])
def test_is_its_definition(shape):
    """Against float64 NumPy, up to the convolution."""
    x, lam = 3 * normal(2, *shape, 5) + 1, np.array([[0.2], [0.9]], np.float32)
    block = stirred(CINBlock(4, slope=0.1), x, lam)
    latent = lam.astype(np.float64)
    for layer in block.mapping:
        kernel, bias = (array(w).astype(np.float64) for w in (layer.kernel, layer.bias))
        latent = leaky(latent @ kernel + bias, 0.2)
    assert [layer.units for layer in block.mapping] == [64] * 4
    projection = block.activations[0].film.projection
    gamma, beta = np.split(latent @ array(projection.kernel) + array(projection.bias), 2, axis=1)
    axes, ones = tuple(range(1, len(shape) + 1)), [1] * len(shape)
    wide = x.astype(np.float64)
    normed = (wide - wide.mean(axes, keepdims=True)) / np.sqrt(wide.var(axes, keepdims=True) + 1e-5)
    active = leaky((1 + gamma.reshape(2, *ones, 5)) * normed + beta.reshape(2, *ones, 5), 0.1)
    expected = array(block.conv(active.astype(np.float32)))
    np.testing.assert_allclose(array(block(x, lam)), expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("up", [False, True])
def test_zero_projection_is_the_unconditioned_block(up):
    x = (normal(2, 2, 3, 5, 3), normal(2, 4, 6, 10, 2)) if up else (normal(2, 5, 7, 11, 3),)
    lam, kind = np.array([[0.1], [0.8]], np.float32), UpCINBlock if up else CINBlock
    block, plain = stirred(kind(4), *x, lam), kind(4)
    plain(*x)
    plain.set_weights(block.conv.get_weights())  # nothing else is learnt in it
    assert not np.allclose(array(block(*x, lam)), array(plain(*x)), atol=1e-3)
    for activation in block.activations:
        for variable in activation.film.trainable_variables:
            variable.assign(np.zeros(variable.shape))
    np.testing.assert_allclose(array(block(*x, lam)), array(plain(*x)), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 5), (7, 4)])
def test_up_block_is_the_block_of_the_concatenation(shape):
    coarse, skip = normal(2, *shape, 3), normal(2, *(2 * size for size in shape), 2)
    lam = np.array([[0.1], [0.8]], np.float32)
    block = stirred(UpCINBlock(5), coarse, skip, lam)
    enlarged = coarse
    for axis in range(1, len(shape) + 1):
        enlarged = np.repeat(enlarged, 2, axis=axis)
    joined = np.concatenate([enlarged, skip], -1)
    whole = CINBlock(5)
    whole(joined, lam)
    for mine, theirs in zip(whole.mapping, block.mapping, strict=True):
        mine.set_weights(theirs.get_weights())
    whole.conv.set_weights(block.conv.get_weights())
    halves = [activation.film.projection.get_weights() for activation in block.activations]
    split = [[np.split(w, 2, axis=-1) for w in weights] for weights in halves]  # gammas and betas
    both = [
        np.concatenate([part[i][half] for half in (0, 1) for part in split], axis=-1) for i in (0, 1)
    ]  # kernel, bias: all gammas, then all betas
    whole.activations[0].film.projection.set_weights(both)
    np.testing.assert_allclose(array(block(coarse, skip, lam)), array(whole(joined, lam)), atol=1e-4)


def test_one_item_with_several_lambdas_is_that_many_items():
    coarse, skip, lam = normal(1, 2, 3, 5, 3), normal(1, 4, 6, 10, 2), np.array([[0.0], [0.4], [1.0]], np.float32)
    block = stirred(UpCINBlock(4), coarse, skip, lam)
    found = array(block(coarse, skip, lam))
    assert found.shape == (3, 4, 6, 10, 4)
    for item in range(3):
        alone = array(block(coarse, skip, lam[item : item + 1]))
        np.testing.assert_allclose(found[item : item + 1], alone, atol=5e-6 * np.abs(found).max())


def test_a_constant_channel_is_finite():
    lam = np.array([[0.3]], np.float32)
    x = np.full((1, 5, 7, 3, 2), 4.0, np.float32)
    assert np.isfinite(array(CINBlock(3)(x, lam))).all()


def test_mixed_precision_computes_in_half():
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        block = UpCINBlock(4)
        found = block(normal(1, 2, 3, 5, 3), normal(1, 4, 6, 10, 2), np.array([[0.3]], np.float32))
        assert array(found).dtype == np.float16
        assert block.conv.kernel.dtype == "float32"
    finally:
        keras.mixed_precision.set_dtype_policy(policy)


def test_config_restores_the_block():
    block = UpCINBlock(4, kernel_size=5, slope=0.1)
    again = UpCINBlock.from_config(block.get_config())
    assert (again.filters, again.kernel_size, again.slope) == (4, 5, 0.1)
