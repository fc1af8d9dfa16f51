import keras
import numpy as np
import pytest
from backends import gradients, tensorflow_only
from keras import ops

from tfregkit.ops.instance_norm import instance_norm, normalise

RNG = np.random.default_rng(8)


def sample(shape, dtype="float32"):
    """An image whose channels differ in mean and spread, a scale and an offset for each."""
    channels = shape[-1]
    x = RNG.normal(size=shape) * np.linspace(0.5, 3, channels) + 5 * RNG.normal(size=channels)
    return [value.astype(dtype) for value in (x, *RNG.normal(size=(2, channels)))]


def numpy(x):
    return ops.convert_to_numpy(x)


def defined(x, scale, offset):
    axes = tuple(range(1, x.ndim - 1))
    x = x.astype(np.float64)
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return scale * (x - mean) / np.sqrt(variance + 1e-5) + offset


LARGE = (2, 31, 37, 29, 3)  # by TensorFlow's own kernel, in slabs


@pytest.mark.parametrize("shape", [(2, 5, 7, 3, 4), (2, 11, 13, 3), LARGE, (1, 211, 331, 2)])
def test_agrees_with_the_definition(shape):
    inputs = sample(shape)
    np.testing.assert_allclose(numpy(instance_norm(*inputs)), defined(*inputs), atol=2e-5)


def test_scaling_and_shifting_an_item_changes_nothing():
    x, scale, offset = sample((2, 5, 7, 3, 4))
    other = x * np.float32([3, 7]).reshape(2, 1, 1, 1, 1) + RNG.normal(size=(2, 1, 1, 1, 4)).astype(np.float32)
    one, two = (numpy(instance_norm(image, scale, offset)) for image in (x, other))
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_a_constant_image_is_the_offset_and_its_gradient_is_finite():
    x, scale, offset = np.full((1, 5, 7, 3), 0.7, np.float32), *sample((3,))[1:]
    np.testing.assert_allclose(numpy(instance_norm(x, scale, offset)), np.broadcast_to(offset, x.shape), atol=1e-3)
    (gradient,) = gradients(lambda x: ops.sum(instance_norm(x, scale, offset) ** 2), x)
    assert np.isfinite(gradient).all()


@tensorflow_only
def test_the_kernels_gradients_are_those_of_the_generic_code():
    inputs, weight = sample(LARGE), RNG.normal(size=LARGE)
    wide = [x.astype(np.float64) for x in inputs]
    expected = gradients(lambda *x: ops.sum(weight * normalise(*x, 1e-5)), *wide)
    found = gradients(lambda *x: ops.sum(weight.astype("float32") * instance_norm(*x)), *inputs)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(other).max())


@tensorflow_only
def test_variances_of_many_voxels_are_exact():
    """One float32 sum over as many is 0.1 % off."""
    import tensorflow as tf

    from tfregkit.backend.tf_instance_norm import _moments, _slabs

    x = RNG.normal(size=(1, 64, 128, 256, 1)).astype(np.float32)
    assert _slabs(tf.constant(x)) == 64
    mean, variance = _moments(tf.reshape(x, (1, 1, -1, 1)), 64)
    np.testing.assert_allclose(float(variance[0]), x.var(dtype=np.float64), rtol=1e-5)
    np.testing.assert_allclose(float(mean[0]), x.mean(dtype=np.float64), atol=1e-6)


@tensorflow_only
def test_sizes_that_do_not_divide_go_the_generic_way():
    import tensorflow as tf

    from tfregkit.backend.tf_instance_norm import _slabs

    assert _slabs(tf.zeros((1, 1, 40009, 4))) is None  # a prime number of voxels
    inputs = sample((1, 1, 40009, 4))
    np.testing.assert_allclose(numpy(instance_norm(*inputs)), defined(*inputs), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_has_the_images_type_and_full_statistics(dtype):
    x, scale, offset = sample(LARGE)
    found = instance_norm(ops.cast(x, dtype), scale, offset)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    np.testing.assert_allclose(numpy(ops.cast(found, "float32")), defined(x, scale, offset), atol=0.15)
