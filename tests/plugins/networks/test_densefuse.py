"""DenseFuse's autoencoder."""

import keras
import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.fusion import convolution

import tfregkit
from tfregkit.errors import ConfigError

SHAPE = (2, 7, 11, 5, 1)


def network(seed=3, **parameters):
    keras.utils.set_random_seed(seed)
    small = {"filters": 3, "dense_layers": 2, "decoder_filters": [5, 4]}
    return tfregkit.build("network", "densefuse", **{**small, **parameters})


def images(shape=SHAPE):
    rng = np.random.default_rng(7)
    return {role: rng.random(shape, dtype=np.float32) for role in ("moving", "fixed")}


def array(x):
    return ops.convert_to_numpy(x)


def test_the_published_size():
    """16 maps, then 3 x 16 in the dense block, 64-32-16-1 in the decoder: 74,193 weights."""
    made = tfregkit.build("network", "densefuse")
    found = made({role: keras.KerasTensor((2, 16, 24, 1)) for role in ("moving", "fixed")})
    assert made.count_params() == 74_193
    assert set(found) == {"reconstructions"}
    assert [layer.kernel.shape[2:] for layer in made.encoder] == [(1, 16), (16, 16), (32, 16), (48, 16)]
    assert [layer.kernel.shape[2:] for layer in (*made.decoder, made.last)] == [(64, 64), (64, 32), (32, 16), (16, 1)]


def test_is_the_definition_convolution_by_convolution():
    inputs, made, rng = images((2, 7, 11, 1)), network(), np.random.default_rng(8)
    made(inputs)
    for layer in (*made.encoder, *made.decoder, made.last):
        layer.kernel.assign(0.3 * rng.normal(size=layer.kernel.shape))
        layer.bias.assign(0.1 * rng.normal(size=layer.bias.shape))

    def layer_of(x, layer):
        return convolution(x, array(layer.kernel), array(layer.bias))

    for role, image in inputs.items():
        maps = np.maximum(layer_of(image[1], made.encoder[0]), 0)
        for layer in made.encoder[1:]:
            maps = np.concatenate([maps, np.maximum(layer_of(maps, layer), 0)], -1)
        np.testing.assert_allclose(array(made.encode_image(ops.convert_to_tensor(image)))[1], maps, atol=1e-5)
        for layer in made.decoder:
            maps = np.maximum(layer_of(maps, layer), 0)
        expected = layer_of(maps, made.last)
        np.testing.assert_allclose(array(made(inputs)["reconstructions"][role])[1], expected, atol=1e-5)
        assert np.ptp(expected) > 0.5


@pytest.mark.parametrize("slices", [1, 5])
def test_a_volume_is_its_slices(slices):
    inputs, made = images((2, 7, 11, slices, 1)), network()
    found = made(inputs)["reconstructions"]
    for role, image in inputs.items():
        assert tuple(found[role].shape) == image.shape
        for z in range(slices):
            alone = made({"fixed": image[:, :, :, z]})["reconstructions"]
            assert set(alone) == {"fixed"}
            np.testing.assert_allclose(array(found[role])[:, :, :, z], array(alone["fixed"]), atol=1e-6)
        coded = made.decode_image(made.encode_image(ops.convert_to_tensor(image)))
        np.testing.assert_allclose(array(coded), array(found[role]), atol=1e-6)


def test_the_gradient_reaches_every_slice():
    inputs, made = images((1, 8, 8, 2, 1)), network()
    made(inputs)

    def loss(image):
        return ops.sum(ops.square(made({"fixed": image})["reconstructions"]["fixed"]))

    (slope,) = gradients(loss, inputs["fixed"])
    assert np.abs(slope).max(axis=(0, 1, 2, 4)).min() > 0
    step = 1e-3 * slope / np.abs(slope).max()
    before, after = (
        float(array(loss(ops.convert_to_tensor(image)))) for image in (inputs["fixed"], inputs["fixed"] - step)
    )
    assert after < before


@pytest.mark.parametrize("shape", [(1, 1, 7, 1), (1, 7, 1, 5, 1), (1, 7, 5, 2)])
def test_images_it_cannot_reflect_or_read_are_refused(shape):
    with pytest.raises(ConfigError, match="network `densefuse` takes images of one channel, at least 2 voxels wide"):
        network()(images(shape))


def test_float32_out_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        made, inputs = network(), images((1, 8, 8, 1))
        found = made(inputs)["reconstructions"]["fixed"]
    finally:
        keras.config.set_dtype_policy(before)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert np.isfinite(array(found)).all()
