"""The published networks."""

import keras
import numpy as np
import pytest
from backends import gradients, tensorflow_only
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError


def image(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=(1, *shape, 1)).astype(np.float32)


def built(name, rank=3, **parameters):
    network = tfregkit.build("network", name, **parameters)
    images = {"moving": image(*[16] * rank), "fixed": image(*[16] * rank, seed=1), "lam": np.ones((1, 1), np.float32)}
    network(images)
    return network


def test_voxelmorph_has_the_published_number_of_parameters():
    assert built("voxelmorph").count_params() == 327_331


@pytest.mark.parametrize(("rank", "taps"), [(3, 27), (2, 9)])
def test_voxelmorph_layer_by_layer(rank, taps):
    channels = [(2, 16), (16, 32), (32, 32), (32, 32), (32, 32)]  # encoder and bottom
    channels += [(64, 32), (64, 32), (64, 32), (48, 32), (32, 16), (16, 16), (16, rank)]
    network = built("voxelmorph", rank)
    assert network.count_params() == sum(taps * i * o + o for i, o in channels)
    kernels = [v.shape for v in network.trainable_variables if v.path.endswith("kernel")]
    assert sorted(tuple(k[-2:]) for k in kernels) == sorted(channels)


def test_contrareg_is_as_wide_everywhere():
    network = built("contrareg", channels=6, conditioning="none")
    kernels = [v.shape for v in network.trainable_variables if v.path.endswith("kernel")]
    assert sorted({int(k[-1]) for k in kernels}) == [3, 6]
    assert len(kernels) == 12
    assert network.bidirectional
    assert network.steps == 5
    assert network.stride == 16


def test_finest_half_leaves_out_the_last_doubling():
    channels = [(2, 16), (16, 32), (32, 32), (32, 32), (32, 32)]
    channels += [(64, 32), (64, 32), (64, 32), (32, 32), (32, 16), (16, 16), (16, 3)]
    network = built("voxelmorph", finest="half")
    kernels = [v.shape for v in network.trainable_variables if v.path.endswith("kernel")]
    assert sorted(tuple(k[-2:]) for k in kernels) == sorted(channels)
    outputs = network({"moving": image(32, 16, 48), "fixed": image(32, 16, 48, seed=1)})
    assert tuple(outputs["velocity"].shape) == (1, 16, 8, 24, 3)
    assert tuple(outputs["displacement"].shape) == tuple(outputs["inverse"].shape) == (1, 32, 16, 48, 3)


def test_contrareg_is_conditioned_by_four_layers_of_128_and_one_projection_per_block():
    plain, conditioned = built("contrareg", channels=6, conditioning="none"), built("contrareg", channels=6)
    embedding = (1 * 128 + 128) + 3 * (128 * 128 + 128)
    projections = 11 * (128 * 12 + 12)
    assert conditioned.count_params() - plain.count_params() == embedding + projections
    assert len(conditioned.losses) == 2 * 11


def test_gradient_reaches_every_weight():
    network = built("voxelmorph", conditioning="film", bidirectional=True)
    network.velocity_head.kernel.assign(0.1 * np.random.default_rng(2).normal(size=network.velocity_head.kernel.shape))
    inputs = [image(16, 32, 16), image(16, 32, 16, seed=3), np.full((1, 1), 0.3, np.float32)]
    if keras.backend.backend() != "tensorflow":
        found = gradients(lambda *x: _total(network, x), *inputs)
        assert all(np.abs(g).max() > 0 for g in found)
        return
    import tensorflow as tf

    with tf.GradientTape() as tape:
        total = _total(network, inputs)
    for variable, gradient in zip(
        network.trainable_weights, tape.gradient(total, network.trainable_weights), strict=True
    ):
        assert gradient is not None, variable.path
        assert np.abs(gradient).max() > 0, variable.path


def _total(network, inputs):
    out = network(dict(zip(("moving", "fixed", "lam"), inputs, strict=True)), training=True)
    return ops.sum(out["displacement"] ** 2) + ops.sum(out["inverse"])


@tensorflow_only
def test_rematerialisation_changes_nothing_but_the_memory():
    import tensorflow as tf

    found = []
    for remat in (False, True):
        keras.utils.set_random_seed(4)
        network = built("voxelmorph", remat=remat, steps=2)
        network.velocity_head.kernel.assign(tf.ones_like(network.velocity_head.kernel))

        @tf.function
        def gradient(network=network):
            with tf.GradientTape() as tape:
                out = network({"moving": image(16, 32, 16), "fixed": image(16, 32, 16, seed=3)}, training=True)
                total = tf.reduce_mean(out["velocity"] ** 2)
            return tape.gradient(total, network.trainable_weights)

        found.append([g.numpy() for g in gradient()])
    for plain, recomputed in zip(*found, strict=True):
        np.testing.assert_allclose(recomputed, plain, rtol=1e-4, atol=1e-6 * np.abs(plain).max())


def channels_of(network):
    kernels = [v for v in network.trainable_variables if v.path.endswith("kernel") and len(v.shape) > 2]
    return sorted(tuple(kernel.shape[-2:]) for kernel in kernels)


def test_clmorph_layer_by_layer():
    """3,844,854 weights: two blocks a level, each level of the decoder sees the maps of both images."""
    channels = [(1, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64)]
    bottom = [(64 + 64, 256), (256, 128)]
    decoder = [(128 + 128, 128), (128, 128), (128 + 64, 64), (64, 64), (64 + 32, 32)]
    heads = [(32, 3), (32, 3)]  # mean and log variance
    network = built("clmorph")
    assert channels_of(network) == sorted(channels + bottom + decoder + heads)
    convolutions = sum(27 * i * o + o for i, o in channels + bottom + decoder + heads)
    normalised = sum(o for _, o in channels + bottom + decoder)
    trainable = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert trainable == convolutions + 2 * normalised == 3_844_854
    assert network.count_params() - trainable == 2 * normalised == 2_048
    assert network.stride == 8
    assert (network.steps, network.bidirectional, network.probabilistic) == (0, False, True)
    assert (network.encoder.slope, network.encoder.initializer) == (0.0, "he")


def test_pc_swinmorph_is_voxelmorphs_unet_with_one_encoder_for_both_images():
    channels = [(1, 16), (16, 32), (32, 32), (32, 32), (32, 32)]
    decoder = [(64 + 64, 32), (32 + 64, 32), (32 + 64, 32), (32 + 32, 32), (32, 16), (16, 16), (16, 6)]
    network = built("pc_swinmorph", patches=1)
    assert channels_of(network) == sorted(channels + decoder)
    assert network.count_params() == sum(27 * i * o + o for i, o in channels + decoder) == 452_614
    assert network.stride == 16
    paper = tfregkit.build("network", "pc_swinmorph")
    assert (paper.patches, paper.stride, paper.bidirectional, paper.steps) == (2, 32, True, 0)
    assert type(paper.stitcher).__name__ == "Swin"


@pytest.mark.parametrize("stitcher", [None, "concat", "swin"])
def test_the_switches_of_table_3(stitcher):
    """Patches and stitcher; the contrast is a term of the objective."""
    small = {"encoder_filters": [2], "decoder_filters": [2, 2]}
    network = tfregkit.build("network", "pc_swinmorph", stitcher=stitcher, **small)
    network({role: keras.KerasTensor((1, 16, 16, 16, 1)) for role in ("moving", "fixed")})
    assert bool(network.stitcher is not None and network.stitcher.weights) == (stitcher == "swin")
    assert tfregkit.build("network", "pc_swinmorph", patches=1, **small).stride == 2


@pytest.mark.parametrize("name", ["clmorph", "pc_swinmorph"])
def test_decoders_may_end_at_half_resolution(name):
    half = {"clmorph": {"decoder_filters": [128, 64]}, "pc_swinmorph": {"finest": "half", "patches": 1}}[name]
    network = built(name, **half)
    outputs = network({"moving": image(16, 32, 16), "fixed": image(16, 32, 16, seed=1)})
    assert tuple(outputs["displacement"].shape) == (1, 16, 32, 16, 3)


def test_recomputed_blocks_count_batches_twice():
    with pytest.raises(ConfigError, match="`remat` computes blocks twice, and `normalization: batch`"):
        tfregkit.build("network", "clmorph", remat=True)
    assert tfregkit.build("network", "clmorph", remat=True, normalization="instance").encoder.remat


def test_too_few_decoder_filters_are_refused():
    with pytest.raises(ConfigError, match="at least 5 for 4 levels"):
        tfregkit.build("network", "voxelmorph", decoder_filters=[32, 32, 32, 32])
