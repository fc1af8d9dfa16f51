import keras
import numpy as np
import pytest
from backends import gradients, tensorflow_only
from keras import ops

from tfregkit.layers.doubling import Doubling
from tfregkit.layers.residual_block import ResidualBlock

RNG = np.random.default_rng(4)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def array(x):
    return ops.convert_to_numpy(x)


def instance(x):
    axes = tuple(range(1, x.ndim - 1))
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


@pytest.mark.parametrize("shape", [(5, 7, 3), (11, 7)])
@pytest.mark.parametrize("channels", [2, 4])
def test_is_what_its_equation_says(shape, channels):
    block, x = ResidualBlock(4, slope=0.1), normal(2, *shape, channels)
    found = array(block(x))
    inner = leaky(instance(array(block.conv_1(x)).astype(np.float64))).astype(np.float32)
    main = instance(array(block.conv_2(inner)).astype(np.float64))
    assert bool(block.shortcut) == (channels != 4)
    shortcut = instance(array(block.shortcut[0](x)).astype(np.float64)) if block.shortcut else x
    np.testing.assert_allclose(found, leaky(main + shortcut), atol=1e-4)
    assert len(block.trainable_variables) == (3 if block.shortcut else 2)


def test_film_reaches_the_main_path_and_zero_is_the_identity():
    x, embedding = normal(2, 5, 7, 3), normal(2, 6)
    block, plain = ResidualBlock(4), ResidualBlock(4)
    block(x, embedding), plain(x)
    assert len(block.films) == 2
    plain.set_weights([weight for weight in block.get_weights() if weight.ndim == 4])
    assert not np.allclose(array(block(x, embedding)), array(plain(x)), atol=1e-2)
    for film in block.films:
        film.projection.set_weights([np.zeros(v.shape) for v in film.projection.variables])
    np.testing.assert_allclose(array(block(x, embedding)), array(plain(x)), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 5), (7, 4)])
def test_doubling_is_a_transposed_convolution(shape):
    layer, x = Doubling(5), normal(2, *shape, 3)
    found = array(layer(x))
    kernel = array(layer.kernel).reshape(3, *[2] * len(shape), 5)
    expected = ops.conv_transpose(x, np.moveaxis(kernel, 0, -1), strides=2, padding="valid")
    np.testing.assert_allclose(found, array(expected), atol=1e-5)
    assert tuple(layer.compute_output_shape(x.shape)) == found.shape


@tensorflow_only
def test_gradient_of_a_block_after_doubling():
    """Central differences in float64, which JAX and Keras on torch round, along a random direction."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        up, block = Doubling(3), ResidualBlock(2)
        x, along, weight = (RNG.normal(size=shape) for shape in [(1, 2, 3, 2, 3)] * 2 + [(1, 4, 6, 4, 2)])

        def value(x):
            return ops.sum(ops.convert_to_tensor(weight) * block(up(ops.convert_to_tensor(x))))

        (found,) = gradients(value, x)
        step = 1e-6
        differences = (float(value(x + step * along)) - float(value(x - step * along))) / (2 * step)
    finally:
        keras.config.set_dtype_policy(policy)
    assert abs(differences) > 0.1
    np.testing.assert_allclose((found * along).sum(), differences, rtol=1e-5)


def test_config_restores_them():
    assert ResidualBlock.from_config(ResidualBlock(4, 5, 0.2).get_config()).kernel_size == 5
    assert Doubling.from_config(Doubling(3).get_config()).filters == 3
