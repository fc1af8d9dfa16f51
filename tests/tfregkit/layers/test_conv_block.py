import keras
import numpy as np
import pytest
from keras import ops

from tfregkit.layers.cin_block import CINBlock
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


def correlated(x, kernel, before, strides, dilation):
    """The convolution from its definition, in one dimension of the three: the other two have one voxel and one tap."""
    count, size = -(-x.shape[1] // strides), x.shape[1]
    out = np.zeros((x.shape[0], count, kernel.shape[-1]))
    for i in range(count):
        for tap in range(kernel.shape[0]):
            place = i * strides - before + tap * dilation
            if 0 <= place < size:
                out[:, i] += x[:, place, 0, 0].astype(float) @ kernel[tap].astype(float)
    return out


@pytest.mark.parametrize(("size", "kernel", "strides", "dilation", "before"), [(8, 4, 2, 1, 1), (11, 3, 1, 4, 4)])
def test_strides_and_dilation(size, kernel, strides, dilation, before):
    """Four taps with strides of 2 are centred on two voxels; dilated ones reach `dilation` voxels to each side."""
    block, x = ConvBlock(5, kernel, slope=1.0, strides=strides, dilation=dilation), normal(2, size, 1, 1, 3)
    block(x)
    weights = np.zeros(block.conv.kernel.shape, np.float32)
    centre = (kernel - 1) // 2
    weights[:, centre, centre] = normal(kernel, 3, 5)
    block.conv.kernel.assign(weights)
    found = array(block(x))
    expected = correlated(x, weights[:, centre, centre], before, strides, dilation)
    np.testing.assert_allclose(found[:, :, 0, 0], expected, atol=1e-5)
    assert tuple(block.compute_output_shape(x.shape)) == found.shape


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


def test_batch_normalisation_over_the_batch_in_training_and_by_moving_statistics_else():
    """Epsilon is 1e-5, and the moving statistics keep 0.9 of their value: torch's constants, not Keras' own."""
    block, x = ConvBlock(4, normalization="batch", slope=0.0), 0.01 * normal(3, 5, 7, 11, 2)
    block(x)  # not in training: nothing is counted
    np.testing.assert_array_equal(array(block.norm.moving_mean), 0)
    convolved = array(block.conv(x)).astype(np.float64)
    mean, var = convolved.mean((0, 1, 2, 3)), convolved.var((0, 1, 2, 3))
    found = array(block(x, training=True))
    expected = np.maximum((convolved - mean) / np.sqrt(var + 1e-5), 0)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected - np.maximum((convolved - mean) / np.sqrt(var + 1e-3), 0)).max() > 0.1
    np.testing.assert_allclose(array(block.norm.moving_mean), 0.1 * mean, rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(array(block.norm.moving_variance), 0.9 + 0.1 * var, rtol=1e-5)
    block.norm.moving_mean.assign(mean)
    block.norm.moving_variance.assign(var)
    np.testing.assert_allclose(array(block(x[:1])), found[:1], atol=1e-4)
    assert len(block.trainable_variables) == 4


def test_training_reaches_blocks_through_what_they_are_part_of():
    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.block = ConvBlock(4, normalization="batch")

        def call(self, x, training=None):
            return self.block(x)

    outer, x = Outer(), normal(3, 5, 7, 2)
    outer(x, training=False)
    np.testing.assert_array_equal(array(outer.block.norm.moving_mean), 0)
    outer(x, training=True)
    assert np.abs(array(outer.block.norm.moving_mean)).max() > 0


def test_convolutions_start_as_told():
    he, glorot = (ConvBlock(64, kernel_initializer=name) for name in ("he_normal", "glorot_uniform"))
    x = normal(1, 3, 3, 3, 16)
    he(x), glorot(x)
    fan_in, fan_out = 27 * 16, 27 * 64
    np.testing.assert_allclose(array(he.conv.kernel).std(), np.sqrt(2 / fan_in), rtol=0.02)
    np.testing.assert_allclose(array(glorot.conv.kernel).std(), np.sqrt(2 / (fan_in + fan_out)), rtol=0.02)


@pytest.mark.parametrize("block", ["conv", "cin"])
def test_layers_made_by_the_first_call_have_the_precision_the_block_was_made_with(block):
    """A network is made under the stage's precision and built outside of it."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        made = ConvBlock(4, normalization="batch") if block == "conv" else CINBlock(4)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    made(normal(1, 5, 7, 3), normal(1, 1))
    inner = [layer for layer in made._flatten_layers() if layer is not made]
    assert len(inner) >= 4
    assert {layer.compute_dtype for layer in inner} == {"bfloat16"}


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
    own = {"kernel_size": 5, "normalization": "batch", "slope": 0.1, "kernel_initializer": "he_normal"}
    again = UpConvBlock.from_config(UpConvBlock(4, **own).get_config())
    assert {name: getattr(again, name) for name in ("filters", *own)} == {"filters": 4, **own}


def test_errors():
    with pytest.raises(ValueError, match="`normalization` must be None, 'instance' or 'batch'. Received: 'layer'"):
        ConvBlock(4, normalization="layer")
    with pytest.raises(ValueError, match="2 or 3 spatial axes. Received: 1"):
        convolution(1, 4)
