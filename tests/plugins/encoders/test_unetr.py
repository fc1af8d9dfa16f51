"""The vision transformer and the pyramid made of it."""

import keras
import numpy as np
import pytest
from backends import gradients, tensorflow_only
from keras import ops
from references import transformer
from small_unetr import ENCODER

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit_plugins.encoders.patch_embedding import PatchEmbedding
from tfregkit_plugins.encoders.transformer_block import TransformerBlock

RNG = np.random.default_rng(21)


def encoder(**parameters):
    return tfregkit.build("encoder", "unetr", **{k: v for k, v in {**ENCODER, **parameters}.items() if k != "name"})


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def array(x):
    return ops.convert_to_numpy(x)


def test_a_block_is_what_its_equations_say():
    block, x = TransformerBlock(heads=3, mlp_size=11), normal(2, 7, 15)
    block(x)
    for variable in block.variables:  # scales that are not 1, biases that are not 0
        variable.assign(variable + 0.2 * normal(*variable.shape))
    layers = {"qkv": block.qkv, "project": block.project, "hidden": block.hidden, "out": block.out}
    weights = {name: array(layer.kernel).astype(np.float64) for name, layer in layers.items()}
    weights |= {f"{name}_bias": array(layer.bias) for name, layer in layers.items() if layer.bias is not None}
    for number, norm in enumerate(block.norms, start=1):
        weights |= {f"gamma_{number}": array(norm.gamma), f"beta_{number}": array(norm.beta)}
    expected = transformer.block(x.astype(np.float64), weights, heads=3)
    np.testing.assert_allclose(array(block(x)), expected, atol=2e-5)
    assert np.abs(expected - x).max() > 0.5


@pytest.mark.parametrize("grid", [(2, 3, 2), (3, 2)])
def test_a_token_is_a_linear_map_of_its_patch_and_its_place(grid):
    layer, image = PatchEmbedding(4, 5, list(grid)), normal(2, *(4 * n for n in grid), 2)
    tokens = array(layer(image))
    kernel, bias = (array(v) for v in (layer.project.kernel, layer.project.bias))
    place = tuple(n - 1 for n in grid)
    patch = image[(slice(None), *(slice(4 * p, 4 * p + 4) for p in place))]
    expected = patch.reshape(2, -1) @ kernel + bias + array(layer.position)[(0, *place)]
    np.testing.assert_allclose(tokens[(slice(None), *place)], expected, atol=1e-5)


def test_positions_begin_small_and_are_stretched_over_another_grid():
    layer = PatchEmbedding(2, 500, 3)
    layer(np.zeros((1, 6, 6, 6, 1), np.float32))
    position = array(layer.position)
    assert position.shape == (1, 3, 3, 3, 500)
    assert (
        0.017 < position.std() < 0.0205
    )  # cut at twice the width 0.88 of it is left; Keras on torch does not cut there
    wider = array(layer(np.zeros((1, 6, 10, 2, 1), np.float32)))
    np.testing.assert_allclose(wider[0, :, 0, 0], position[0, :, 0, 1], atol=1e-6)
    np.testing.assert_allclose(wider[0, :, 2, 0], position[0, :, 1, 1], atol=1e-6)
    np.testing.assert_allclose(wider[0, 0, 1, 0], position[0, 0, :2, 1].T @ [0.6, 0.4], atol=1e-6)


@pytest.mark.parametrize("sizes", [(8, 16, 24), (16, 8)])
def test_levels_and_channels(sizes):
    made = encoder(patch_size=8, depth=5)
    assert made.stride == 8
    pyramid = made(normal(2, *sizes, 2))
    channels = {"P0": 3, "P1": 6, "P2": 12, "P3": 10}
    assert list(pyramid) == list(channels)
    for level, name in enumerate(channels):
        assert tuple(pyramid[name].shape) == (2, *(size // 2**level for size in sizes), channels[name])
    assert [len(blocks) for blocks in made.blocks] == [1, 0]


def test_levels_look_at_the_layers_they_tap():
    """Changing the transformer behind a tap changes the coarser levels only."""
    made, image = encoder(patch_size=8, depth=5, taps=[1, 3]), normal(1, 8, 16, 8, 1)
    before = made(image)
    changes = {0: {"P1", "P2", "P3"}, 1: {"P2", "P3"}, 2: {"P2", "P3"}, 3: {"P3"}, 4: {"P3"}}
    for layer, levels in changes.items():
        bias = made.transformer[layer].out.bias
        bias.assign(bias + normal(*bias.shape))
        after = made(image)
        changed = {name for name in after if np.abs(array(after[name]) - array(before[name])).max() > 1e-4}
        assert changed == levels
        before = after


def test_taps_are_spaced_evenly():
    sizes = {"hidden_size": 12, "heads": 12}
    assert encoder(patch_size=16, depth=12, **sizes).taps == [3, 6, 9]
    assert encoder(patch_size=16, depth=6, **sizes).taps == [2, 3, 5]
    assert encoder(patch_size=2, depth=6, **sizes).taps == []


def test_number_of_parameters():
    """Written out for ViT-B/16 at 96^3; with 14 classes it is MONAI's number, less 18,432 that MONAI never uses."""
    with keras.StatelessScope():  # no memory for millions of numbers
        made, decoder = tfregkit.build("encoder", "unetr", depth=2, taps=[1, 1, 2]), tfregkit.build("decoder", "unetr")
        decoder(made(keras.KerasTensor((1, 16, 16, 16, 1))))
    embedding = (16**3 + 1) * 768 + 216 * 768
    layer = 3 * 768**2 + 768 * 769 + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    levels = [768 * 8 * 32 + 2 * (8 + 2 * 27) * 32**2, 768 * 8 * 64 + (8 + 2 * 27) * 64**2, 768 * 8 * 128]
    rest = embedding + 2 * 768 + sum(levels) + (27 + 1) * 16 + 27 * 16**2
    up = sum(8 * c * f + (27 + 1) * 2 * f * f + 27 * f * f for c, f in ((768, 128), (128, 64), (64, 32), (32, 16)))
    assert made.count_params() == rest + 2 * layer
    assert decoder.count_params() == up
    assert rest + 12 * layer + up + 17 * 14 == 92_802_478 - 18_432


def test_an_embedding_reaches_every_block_and_every_layer():
    made = encoder(patch_size=8)
    made(normal(1, 8, 8, 16, 1), normal(1, 3))
    assert len(made.losses) == 2 * 2 * (4 + 1 + 1)  # weight decay on kernel and bias of each projection


@tensorflow_only
def test_gradient():
    """Central differences in float64, which JAX and Keras on torch round, through transformer and convolutions."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        made = encoder(depth=2)
        x, along = RNG.normal(size=(2, 1, 4, 8, 4, 1))
        made(x)
        weights = {name: ops.convert_to_tensor(RNG.normal(size=maps.shape)) for name, maps in made(x).items()}

        def value(x):
            return sum(ops.sum(weights[name] * maps) for name, maps in made(ops.convert_to_tensor(x)).items())

        (found,) = gradients(value, x)
        step = 1e-6
        differences = (float(value(x + step * along)) - float(value(x - step * along))) / (2 * step)
    finally:
        keras.config.set_dtype_policy(policy)
    assert abs(differences) > 0.1
    np.testing.assert_allclose((found * along).sum(), differences, rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"patch_size": 12}, "must be a power of 2"), ({"heads": 3}, "`heads` must divide `hidden_size`"),
     ({"taps": [1, 2]}, r"`taps` must be 1 numbers of layers.*Received: taps=\[1, 2\]"), ({"taps": [5]}, "at most 4"),
     ({"patch_size": 8, "taps": [3, 2]}, "rising"), ({"positions": [2]}, "positions"), ({"slope": 2}, "slope")],
)  # fmt: skip
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ConfigError, match=message):
        encoder(**parameters)


def test_images_it_cannot_take():
    with pytest.raises(ValueError, match="cut into patches, sizes must be multiples of 4x4x4, as in 8x4x8 or 8x8x8"):
        encoder()(normal(1, 8, 6, 8, 1))
    with pytest.raises(ConfigError, match=r"must have one number per axis of the image, 3. Received: \[2, 2"):
        encoder(positions=[2, 2])(normal(1, 8, 8, 8, 1))
