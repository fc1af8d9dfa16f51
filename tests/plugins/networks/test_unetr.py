"""UNETR's parts in the networks that take an encoder and a decoder, and what they go through there."""

import keras
import numpy as np
import pytest
from backends import tensorflow_only
from keras import ops
from small_unetr import DECODER, ENCODER

import tfregkit
from tfregkit.errors import ConfigError

RNG = np.random.default_rng(31)
PARTS = {"encoder": ENCODER, "decoder": DECODER}


def pair(shape=(8, 12, 4)):
    return {role: RNG.normal(size=(2, *shape, 1)).astype(np.float32) for role in ("moving", "fixed")}


def array(x):
    return ops.convert_to_numpy(ops.cast(x, "float32"))


@pytest.mark.parametrize("name", ["siamese", "svf"])
def test_registers_with_lambda(name):
    network = tfregkit.build("network", name, conditioning="film", steps=0, **PARTS)
    assert network.stride == 4
    inputs = pair()
    fields = []
    network({**inputs, "lam": np.float32([[0], [0]])})
    kernel = network.velocity_head.kernel
    kernel.assign(RNG.normal(size=kernel.shape))
    for lam in (0.1, 0.9):
        fields.append(array(network({**inputs, "lam": np.full((2, 1), lam, np.float32)})["displacement"]))
    assert fields[0].shape == (2, 8, 12, 4, 3)
    assert np.abs(fields[0] - fields[1]).max() > 1e-3
    with pytest.raises(ConfigError, match="`conditioning: cin` goes with `block: cin`"):
        tfregkit.build("network", name, conditioning="cin", **PARTS)


def test_segments_and_is_restored_from_a_file(tmp_path):
    """From its configuration and a file of weights, read before it has seen an image of the same size."""
    network, inputs = tfregkit.build("network", "segmentation", labels=[1, 2], **PARTS), {"fixed": pair()["fixed"]}
    logits = array(network(inputs)["logits"])
    assert logits.shape == (2, 8, 12, 4, 3)
    network.save_weights(tmp_path / "network.weights.h5")
    again = type(network).from_config(network.get_config())
    again({"fixed": keras.KerasTensor((1, 4, 4, 8, 1))})
    again.load_weights(tmp_path / "network.weights.h5")
    np.testing.assert_allclose(array(again(inputs)["logits"]), logits, atol=1e-5)


@pytest.mark.parametrize(("encoder", "decoder"), [(ENCODER, {"name": "unet", "filters": [4, 3], "final": []}),
                                                  ({"name": "unet", "filters": [3, 4, 5]}, DECODER)])  # fmt: skip
def test_goes_with_the_unets_other_half(encoder, decoder):
    network = tfregkit.build("network", "segmentation", labels=[1], encoder=encoder, decoder=decoder)
    assert network({"fixed": pair()["fixed"]})["logits"].shape == (2, 8, 12, 4, 2)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_stays_near(policy):
    image = {"fixed": pair()["fixed"]}
    full = tfregkit.build("network", "segmentation", labels=[1], **PARTS)
    expected = array(full(image)["logits"])
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        half = tfregkit.build("network", "segmentation", labels=[1], **PARTS)
        half(image)
    finally:
        keras.config.set_dtype_policy(before)
    half.set_weights(full.get_weights())
    inner = {layer.compute_dtype for layer in half.encoder._flatten_layers()}
    assert inner == {policy.removeprefix("mixed_")}
    found = array(half(image)["logits"])
    assert np.isfinite(found).all()
    assert np.abs(found - expected).mean() < 0.05 * np.abs(expected).max()


@tensorflow_only
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_recomputed_blocks_go_with_half_precision(policy):
    """Within a recomputed layer Keras does not cast the weights of others."""
    import tensorflow as tf

    image = tf.constant(pair()["fixed"])
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        parts = {"encoder": {**ENCODER, "depth": 2, "remat": True}, "decoder": {**DECODER, "remat": True}}
        network = tfregkit.build("network", "segmentation", labels=[1], **parts)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(network({"fixed": image}, training=True)["logits"] ** 2)
        slopes = tape.gradient(value, network.trainable_variables)
    finally:
        keras.config.set_dtype_policy(before)
    assert all(np.isfinite(array(slope)).all() and np.abs(array(slope)).max() > 0 for slope in slopes)


@tensorflow_only
def test_recomputed_blocks_have_the_same_gradients():
    import tensorflow as tf

    image = tf.constant(pair()["fixed"])
    found = []
    weights = None
    for remat in (False, True):
        parts = {"encoder": {**ENCODER, "depth": 2, "remat": remat}, "decoder": {**DECODER, "remat": remat}}
        network = tfregkit.build("network", "segmentation", labels=[1], **parts)
        network({"fixed": image})
        weights = network.get_weights() if weights is None else weights
        network.set_weights(weights)

        @tf.function(autograph=False)
        def gradient(network=network):
            with tf.GradientTape() as tape:
                value = tf.reduce_sum(network({"fixed": image}, training=True)["logits"] ** 2)
            return tape.gradient(value, network.trainable_variables)

        found.append(gradient())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(one).max())
