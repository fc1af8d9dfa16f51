import keras
import numpy as np
import pytest
from keras import ops

from tfregkit.layers.conv_block import ConvBlock, convolution
from tfregkit.layers.up_conv_block import UpConvBlock

RNG = np.random.default_rng(9)


def array(x):
    return ops.convert_to_numpy(x)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(5, 7, 3), (11, 7)])
def test_is_convolution_then_leaky_relu(shape):
    block, x = ConvBlock(4, slope=0.1), normal(2, *shape, 3)
    found = array(block(x))
    before = array(block.conv(x))
    np.testing.assert_allclose(found, np.where(before > 0, before, 0.1 * before), rtol=1e-6)
    assert found.shape == (2, *shape, 4)


def test_instance_normalisation_comes_before_the_activation():
    block, x = ConvBlock(4, normalization="instance", slope=1.0), normal(2, 5, 7, 11, 3)
    found = array(block(x))
    np.testing.assert_allclose(found.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std((1, 2, 3)), 1, atol=1e-3)


@pytest.mark.parametrize("up", [False, True])
def test_zero_film_projection_is_the_unconditioned_block_and_another_one_is_not(up):
    x = (normal(2, 2, 3, 5, 3), normal(2, 4, 6, 10, 2)) if up else (normal(2, 5, 7, 11, 3),)
    embedding = normal(2, 7)
    block = (UpConvBlock if up else ConvBlock)(4)
    block(*x, embedding)
    plain = (UpConvBlock if up else ConvBlock)(4)
    plain(*x)
    plain.conv.set_weights(block.conv.get_weights())
    assert not np.allclose(array(block(*x, embedding)), array(plain(*x)), atol=1e-3)
    for variable in block.film.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    np.testing.assert_allclose(array(block(*x, embedding)), array(plain(*x)), atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 5), (7, 4)])
def test_up_block_is_the_block_of_the_concatenation(shape):
    coarse, skip = normal(2, *shape, 3), normal(2, *(2 * size for size in shape), 2)
    block = UpConvBlock(5)
    found = block(coarse, skip)
    for axis in range(1, len(shape) + 1):
        coarse = np.repeat(coarse, 2, axis=axis)
    block.conv.bias.assign(normal(5))
    found = block(coarse[(slice(None), *[slice(None, None, 2)] * len(shape))], skip)
    expected = ops.leaky_relu(block.conv(np.concatenate([coarse, skip], -1)), 0.2)
    np.testing.assert_allclose(array(found), array(expected), atol=2e-5)
    assert block.conv.kernel.shape == (*[3] * len(shape), 5, 5)


def test_mixed_precision_computes_in_half():
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        block = UpConvBlock(4)
        assert array(block(normal(1, 2, 3, 5, 3), normal(1, 4, 6, 10, 2))).dtype == np.float16
        assert block.conv.kernel.dtype == "float32"
    finally:
        keras.mixed_precision.set_dtype_policy(policy)


def test_config_restores_the_block():
    block = UpConvBlock(4, kernel_size=5, normalization="instance", slope=0.1)
    again = UpConvBlock.from_config(block.get_config())
    assert (again.filters, again.kernel_size, again.normalization, again.slope) == (4, 5, "instance", 0.1)


def test_errors():
    with pytest.raises(ValueError, match="`normalization` must be None or 'instance'. Received: 'batch'"):
        ConvBlock(4, normalization="batch")
    with pytest.raises(ValueError, match="2 or 3 spatial axes. Received: 1"):
        convolution(1, 4)
