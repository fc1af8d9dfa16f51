"""The network with one encoder for both images."""

import keras
import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.layers import VecInt
from tfregkit.ops.blocks import merge_blocks, split_blocks
from tfregkit_plugins.networks.siamese import Siamese

RNG = np.random.default_rng(12)


def network(block="conv", **parameters):
    encoder = {"name": "unet", "filters": [3, 4, 5], "block": block}
    decoder = {"name": "unet", "filters": [4, 3], "final": [3], "block": block}
    return tfregkit.build("network", "siamese", **{"encoder": encoder, "decoder": decoder, **parameters})


def pair(shape=(8, 16, 24), batch=2, **more):
    images = {name: RNG.normal(size=(batch, *shape, 1)).astype(np.float32) for name in ("moving", "fixed")}
    return {**images, **more}


def array(x):
    return ops.convert_to_numpy(x)


def stirred(built, inputs):
    """The network with a field of about a voxel, whatever its other weights, instead of its tiny initial one."""
    built(inputs)
    kernel = 0.1 * RNG.normal(size=built.velocity_head.kernel.shape)
    built.velocity_head.kernel.assign(kernel)
    built.velocity_head.kernel.assign(kernel / np.abs(array(built(inputs)["displacement"])).max())
    return built


def noise(batch=2):
    return RNG.random((batch, 4096), dtype=np.float32)


@pytest.mark.parametrize("shape", [(8, 16, 24), (16, 8)])
def test_is_what_its_parts_say(shape):
    """Each image through the encoder by itself, the maps side by side, decoder and convolution."""
    inputs = pair(shape)
    built = stirred(network(), inputs)
    out = built(inputs)
    pyramids = {role: built.encoder(inputs[role]) for role in ("moving", "fixed")}
    joined = {
        level: np.concatenate([array(pyramids[role][level]) for role in pyramids], -1) for level in ("P0", "P1", "P2")
    }
    expected = array(built.velocity_head(built.decoder(joined)))
    np.testing.assert_allclose(array(out["displacement"]), expected, atol=2e-5)
    assert np.abs(expected).max() > 0.3
    assert expected.shape == (2, *shape, len(shape))
    for role, pyramid in pyramids.items():
        for level, maps in pyramid.items():
            np.testing.assert_allclose(array(out["features"][role][level]), array(maps), atol=1e-5)
    assert "inverse" not in out


def test_the_encoder_is_one():
    """Swapping the images swaps their features, and nothing else of the encoder."""
    inputs = pair()
    built = stirred(network(), inputs)
    swapped = {"moving": inputs["fixed"], "fixed": inputs["moving"]}
    features = built(swapped)["features"]
    encoded = built.encode(inputs)
    for role, other in (("moving", "fixed"), ("fixed", "moving")):
        for level, maps in encoded[role].items():
            np.testing.assert_allclose(array(features[other][level]), array(maps), atol=1e-6)
    assert not np.allclose(array(built(inputs)["displacement"]), array(built(swapped)["displacement"]), atol=1e-2)


@pytest.mark.parametrize("resolution", ["full", "half"])
def test_both_ways_are_two_fields_of_one_convolution(resolution):
    inputs = pair()
    built = stirred(network(bidirectional=True, resolution=resolution), inputs)
    one_way = network(resolution=resolution)
    one_way(inputs)
    assert built.velocity_head.kernel.shape[-1] == 6
    for training in (False, True):
        out = built(inputs, training=training)
        assert set(out) == {"displacement", "inverse", "features"}
    for name, components in (("displacement", slice(0, 3)), ("inverse", slice(3, 6))):
        one_way.encoder.set_weights(built.encoder.get_weights())
        one_way.decoder.set_weights(built.decoder.get_weights())
        one_way.velocity_head.set_weights([w[..., components] for w in built.velocity_head.get_weights()])
        np.testing.assert_allclose(array(out[name]), array(one_way(inputs)["displacement"]), atol=1e-5)


def test_integration_makes_it_a_diffeomorphism_with_its_inverse():
    inputs = pair()
    built = stirred(network(steps=4, bidirectional=True), inputs)
    assert built.velocity_head.kernel.shape[-1] == 3
    out = built(inputs, training=True)
    for name, sign in (("displacement", 1), ("inverse", -1)):
        np.testing.assert_allclose(array(out[name]), array(VecInt(steps=4)(sign * out["velocity"])), atol=1e-5)
    assert "inverse" not in stirred(network(steps=4), inputs)(inputs, training=True)


@pytest.mark.parametrize("shape", [(16, 32, 24), (16, 24)])
def test_patches_are_registered_one_by_one(shape):
    """A block of the field is that of the block of the images; so are the features."""
    inputs = pair(shape)
    built = stirred(network(patches=2, bidirectional=True), inputs)
    plain = network(bidirectional=True)
    blocks = {role: split_blocks(image, 2) for role, image in inputs.items()}
    plain(blocks)
    plain.set_weights(built.get_weights())
    out, expected = built(inputs), plain(blocks)
    for name in ("displacement", "inverse"):
        np.testing.assert_allclose(array(out[name]), array(merge_blocks(expected[name], 2)), atol=1e-5)
    for level in ("P0", "P2"):
        merged = array(merge_blocks(expected["features"]["fixed"][level], 2))
        np.testing.assert_allclose(array(out["features"]["fixed"][level]), merged, atol=1e-5)
        np.testing.assert_allclose(array(built.encode(inputs)["fixed"][level]), merged, atol=1e-5)


class Recorder(tfregkit.api.Stitcher):
    """Doubles each component and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()

    def call(self, field, count, training=None):
        self.seen = (tuple(field.shape), count, training)
        return field * ops.convert_to_tensor([2.0, 3.0, 5.0])


def test_the_stitcher_sees_each_field_once_it_is_whole():
    inputs = pair((16, 32, 24))
    built = stirred(network(patches=2, bidirectional=True, stitcher=Recorder()), inputs)
    out = built(inputs, training=True)
    assert built.stitcher.seen == ((4, 16, 32, 24, 3), 2, True)
    plain = network(patches=2, bidirectional=True)
    plain(inputs)
    plain.set_weights(built.get_weights())
    for name in ("displacement", "inverse"):
        np.testing.assert_allclose(array(out[name]), array(plain(inputs)[name]) * [2, 3, 5], atol=1e-4)


def test_without_patches_there_is_nothing_to_stitch():
    inputs = pair((8, 8, 8))
    built = network(stitcher={"name": "swin"})
    built(inputs)
    assert built.stitcher.weights == []
    assert built.stride == 4
    assert network(patches=2, stitcher={"name": "swin"}).stride == 16


def test_the_grid_must_suit_the_coarser_field_that_is_stitched():
    decoder = {"name": "unet", "filters": [4], "final": [3]}  # ends at half resolution
    built = network(decoder=decoder, resolution="half", patches=2, stitcher={"name": "swin"})
    assert built.stride == 32
    with pytest.raises(ConfigError, match="48"):
        built(pair((48, 32, 32), batch=1))
    out = built(pair((32, 32, 32), batch=1))
    assert tuple(out["velocity"].shape) == (1, 16, 16, 16, 3)
    assert built.stitcher.weights


def test_the_mean_is_taken_at_inference_and_the_field_drawn_in_training():
    inputs = pair((16, 32, 40), batch=1)
    built = stirred(network(probabilistic=True), inputs)
    built.log_variance_head.bias.assign(np.log([0.04, 0.25, 1.0]))
    built.log_variance_head.kernel.assign(np.zeros(built.log_variance_head.kernel.shape))
    assert built.needs == ("noise",)
    out = built(inputs)
    mean, log_variance = np.split(array(out["posterior"]), 2, axis=-1)
    np.testing.assert_array_equal(array(out["displacement"]), mean)
    np.testing.assert_allclose(log_variance, np.broadcast_to(np.log([0.04, 0.25, 1.0]), mean.shape), rtol=1e-5)
    drawn = built({**inputs, "noise": noise(1)}, training=True)
    difference = array(drawn["displacement"]) - array(drawn["posterior"])[..., :3]
    voxels = difference[..., 0].size
    for component, variance in enumerate((0.04, 0.25, 1.0)):
        assert abs(difference[..., component].var() / variance - 1) < 5 * np.sqrt(2 / voxels)
        assert abs(difference[..., component].mean()) < 5 * np.sqrt(variance / voxels)


def test_with_noise_it_draws_at_inference_too_by_the_given_scale():
    inputs = pair(noise=noise())
    built = stirred(network(probabilistic=True), inputs)
    built.log_variance_head.bias.assign([0.3, -0.2, 0.1])
    drawn, trained = (array(built(inputs, training=training)["displacement"]) for training in (False, True))
    np.testing.assert_allclose(drawn, trained, atol=1e-5)
    mean = array(built({name: inputs[name] for name in ("moving", "fixed")})["displacement"])
    scaled = array(built({**inputs, "noise_scale": np.array([[0.0], [0.5]], np.float32)})["displacement"])
    np.testing.assert_array_equal(scaled[0], mean[0])
    np.testing.assert_allclose(scaled[1] - mean[1], 0.5 * (drawn[1] - mean[1]), atol=1e-5)
    assert np.abs(drawn - mean).max() > 1


def test_what_is_drawn_is_a_function_of_the_items_noise():
    inputs = pair(noise=noise())
    built = stirred(network(probabilistic=True, bidirectional=True), inputs)
    built.log_variance_head.bias.assign(np.zeros(6))
    one, again = (array(built(inputs, training=True)["inverse"]) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    alone = array(built({name: value[1:] for name, value in inputs.items()}, training=True)["inverse"])
    np.testing.assert_allclose(alone, one[1:], atol=1e-5)
    other = array(built({**inputs, "noise": noise()}, training=True)["inverse"])
    assert np.abs(other - one).max() > 1
    with pytest.raises(ConfigError, match="draws its fields in training from `noise`, which is missing"):
        built(pair(), training=True)


def test_it_begins_almost_still_and_almost_certain():
    out = network(probabilistic=True)(pair())
    mean, log_variance = np.split(array(out["posterior"]), 2, axis=-1)
    assert 0 < np.abs(mean).max() < 1e-2
    np.testing.assert_allclose(log_variance, -10, atol=1e-4)


@pytest.mark.parametrize(("conditioning", "block"), [("film", "conv"), ("cin", "cin")])
def test_conditioning_reaches_every_block_of_every_item(conditioning, block):
    lam = np.array([[0.1], [0.9]], np.float32)
    inputs = pair((16, 8, 24), lam=lam)
    built = network(block=block, conditioning=conditioning, patches=2)
    built(inputs)
    for variable in built.trainable_variables:
        variable.assign_add(0.1 * RNG.normal(size=variable.shape))
    together = built(inputs)
    for item in (0, 1):
        alone = built({name: value[item : item + 1] for name, value in inputs.items()})
        np.testing.assert_allclose(array(together["displacement"])[item], array(alone["displacement"])[0], atol=1e-4)
    other = built({**inputs, "lam": lam[::-1]})
    for level in ("P1", "P2"):  # the first convolution of `cin` is plain
        change = array(other["features"]["moving"][level]) - array(together["features"]["moving"][level])
        assert np.abs(change).max() > 1e-3


@pytest.mark.parametrize(
    ("patches", "shape", "message"),
    [
        (1, (8, 16, 18), r"multiples of 4x4x4, as in 8x16x16 or 8x16x20. Received: 8x16x18. Change the grid"),
        (2, (8, 16, 20), r"multiples of 8x8x8, as in 8x16x16 or 8x16x24. Received: 8x16x20"),
        (3, (12, 24, 32), r"multiples of 12x12x12, as in 12x24x24 or 12x24x36. Received: 12x24x32"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_with_those_that_do(patches, shape, message):
    with pytest.raises(ConfigError, match=message):
        network(patches=patches)(pair(shape))


def test_saved_file_restores_the_network(tmp_path):
    inputs = pair((16, 16, 32))
    options = {"patches": 2, "bidirectional": True, "probabilistic": True, "stitcher": {"name": "swin"}}
    built = stirred(network(**options), inputs)
    for variable in built.stitcher.variables:
        variable.assign_add(0.1 * RNG.normal(size=variable.shape))
    built.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert isinstance(again, Siamese)
    np.testing.assert_array_equal(array(again(inputs)["inverse"]), array(built(inputs)["inverse"]))
    assert not np.allclose(array(built(inputs)["inverse"]), array(built(inputs)["posterior"])[..., 3:6], atol=1e-3)
    assert (again.patches, again.encoder.filters, again.stitcher.window) == (2, [3, 4, 5], 4)


def test_mixed_precision_gives_fields_in_float32():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        built = network(patches=2, stitcher={"name": "swin"}, bidirectional=True, probabilistic=True)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    out = built(pair((16, 16, 16), noise=noise()), training=True)
    assert {array(out[name]).dtype for name in ("displacement", "inverse", "posterior")} == {np.dtype("float32")}
    assert built.velocity_head.compute_dtype == built.log_variance_head.compute_dtype == "float32"
    assert keras.backend.standardize_dtype(out["features"]["fixed"]["P1"].dtype) == "bfloat16"
