"""The autoencoders of ContraReg."""

import keras
import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError

SHAPE = (2, 24, 16, 40, 1)
SMALL = [3, 4, 6, 5, 4, 3, 2]


def network(**options):
    made = tfregkit.build("network", "autoencoder", **{"filters": SMALL, **options})
    return made, images(made)


def close(found, expected, rtol=1e-3, atol=1e-4):
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), rtol=rtol, atol=atol)


def images(made, seed=3):
    rng = np.random.default_rng(seed)
    return {role: rng.random(SHAPE, dtype="float32") for role in made.images}


def test_the_published_size():
    """610,369 weights of the convolutions of one autoencoder; instance normalisation adds two per channel."""
    made = tfregkit.build("network", "autoencoder", images=["moving"])
    made({"moving": keras.KerasTensor((1, 32, 32, 32, 1))})
    branch = made.branches["moving"]
    convolutions = sum(conv.count_params() for conv in (*branch.convs, branch.last))
    assert convolutions == 610_369
    assert made.count_params() == convolutions + 2 * sum((32, 64, 128, 64, 32, 32, 32))


@pytest.mark.parametrize(("order", "halvings"), [("conv_up", (1, 2, 3, 3, 2, 1)), ("up_conv", (1, 2, 3, 2, 1, 0))])
def test_feature_maps_and_reconstruction(order, halvings):
    made, batch = network(up_order=order)
    found = made(batch)
    assert made.stride == 8
    for role in ("moving", "fixed"):
        maps = found["features"][role]
        assert list(maps) == [f"conv{i}" for i in range(1, 7)]
        sizes = [(2, *(size // 2**n for size in SHAPE[1:4]), c) for n, c in zip(halvings, SMALL, strict=False)]
        assert [tuple(x.shape) for x in maps.values()] == sizes
        assert tuple(found["reconstructions"][role].shape) == SHAPE
        again = made.extractor(role)(batch[role])
        for name, x in maps.items():
            np.testing.assert_array_equal(ops.convert_to_numpy(again[name]), ops.convert_to_numpy(x))


def test_the_first_blocks_are_what_they_say():
    """Convolution of stride 2, then instance normalisation and LeakyReLU 0.2, by Keras' own layers."""
    made, batch = network(images=["moving"])
    maps = made(batch)["features"]["moving"]
    branch = made.branches["moving"]
    first = branch.convs[0](batch["moving"])
    close(maps["conv1"], first, 1e-5, 1e-6)
    x = ops.convert_to_numpy(first)
    x = (x - x.mean((1, 2, 3), keepdims=True)) / np.sqrt(x.var((1, 2, 3), keepdims=True) + 1e-5)
    x = np.where(x > 0, x, 0.2 * x)  # fresh scale and shift are 1 and 0
    close(maps["conv2"], branch.convs[1](x))
    activated, _ = network(images=["moving"], taps="activation")
    activated(batch)
    activated.set_weights(made.get_weights())
    close(activated(batch)["features"]["moving"]["conv1"], x)


def test_doubling_is_by_nearest_neighbours_before_the_next_convolution():
    made, batch = network(images=["moving"])
    found = made(batch)["features"]["moving"]
    branch = made.branches["moving"]
    x = ops.leaky_relu(branch.norms[3](found["conv4"]), 0.2)
    for axis in (1, 2, 3):
        x = ops.repeat(x, 2, axis=axis)
    close(found["conv5"], branch.convs[4](x))


def test_modalities_do_not_share_weights():
    made, batch = network()
    before = ops.convert_to_numpy(made(batch)["reconstructions"]["fixed"])
    for variable in made.branches["moving"].variables:
        variable.assign(variable + 1.0)
    np.testing.assert_array_equal(ops.convert_to_numpy(made(batch)["reconstructions"]["fixed"]), before)


def test_two_dimensions():
    made = tfregkit.build("network", "autoencoder", images=["fixed"], filters=SMALL)
    found = made({"fixed": np.random.default_rng(1).random((1, 24, 40, 2), dtype="float32")})
    assert tuple(found["reconstructions"]["fixed"].shape) == (1, 24, 40, 2)
    assert tuple(found["features"]["fixed"]["conv3"].shape) == (1, 3, 5, 6)


def test_extractors_by_role():
    one, batch = network(images=["moving"])
    one(batch)
    assert one.extractor("fixed") is one.extractor("moving") is one.branches["moving"]
    two, batch = network()
    assert two.extractor("fixed") is two.branches["fixed"]
    with pytest.raises(ConfigError, match="gives no features to later stages"):
        tfregkit.build("network", "voxelmorph").extractor("moving")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"filters": [3] * 6}, "at least 7 entries"), ({"images": ["moving", "moving"]}, "names a role twice")],
)
def test_settings_that_cannot_be(options, message):
    with pytest.raises(ConfigError, match=message):
        tfregkit.build("network", "autoencoder", **options)
