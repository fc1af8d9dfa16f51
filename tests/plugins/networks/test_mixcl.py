"""The network that MixCL pre-trains."""

import keras
import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.training.initial import start_from

ENCODER = {"name": "unet", "filters": [3, 5, 4]}
DECODER = {"name": "unet", "filters": [4, 3], "final": [2]}
NAMES = ("fixed_view", "fixed_second_view", "moving_view")


def network(**options):
    keras.utils.set_random_seed(3)
    return tfregkit.build("network", "mixcl", **{"encoder": ENCODER, "reconstructor": DECODER, **options})


def images(shape=(8, 4, 12), names=NAMES):
    rng = np.random.default_rng(1)
    return {name: rng.random((2, *shape, 1), dtype="float32") for name in names}


def array(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("shape", [(8, 4, 12), (12, 8)])
def test_embeddings_are_three_convolutions_of_one_voxel(shape):
    made, given = network(normalization="none"), images(shape)
    found = made(given)
    assert made.stride == 4
    for name, image in given.items():
        pyramid = {level: array(maps) for level, maps in made.encoder(image).items()}
        assert list(found["embeddings"][name]) == ["P0", "P1", "P2"]
        for level, rows in pyramid.items():
            layers = [layer for layer in made.projectors[level]._flatten_layers() if hasattr(layer, "kernel")]
            kernels = [array(layer.kernel).reshape(layer.kernel.shape[-2:]) for layer in layers]
            channels = rows.shape[-1]
            assert [kernel.shape[1] for kernel in kernels] == [channels, channels, 2 * channels]
            for i, kernel in enumerate(kernels):
                rows = rows @ kernel + array(layers[i].bias)
                rows = np.maximum(rows, 0) if i < 2 else rows
            np.testing.assert_allclose(array(found["embeddings"][name][level]), rows, rtol=1e-3, atol=1e-5)
        features = array(made.reconstructor({level: ops.convert_to_tensor(maps) for level, maps in pyramid.items()}))
        kernel = array(made.head.kernel).reshape(-1, 1)
        expected = features @ kernel + array(made.head.bias)
        np.testing.assert_allclose(array(found["reconstructions"][name]), expected, rtol=1e-3, atol=1e-5)


def test_only_what_is_wanted_and_the_same_as_with_everything():
    made, given = network(), images()
    whole = made(given)
    project = {"moving_view": ["P1"], "fixed_view": None}
    part = made(given, project=project, reconstruct=["fixed_second_view"])
    assert {name: list(found) for name, found in part["embeddings"].items()} == {
        "moving_view": ["P1"],
        "fixed_view": ["P0", "P1", "P2"],
    }
    assert list(part["reconstructions"]) == ["fixed_second_view"]
    for name, found in part["embeddings"].items():
        for level, maps in found.items():
            np.testing.assert_allclose(array(maps), array(whole["embeddings"][name][level]), atol=1e-5)
    image = part["reconstructions"]["fixed_second_view"]
    np.testing.assert_allclose(array(image), array(whole["reconstructions"]["fixed_second_view"]), atol=1e-5)
    nothing = made(given, project={}, reconstruct=[])
    assert nothing == {"embeddings": {}, "reconstructions": {}}


def test_one_pass_for_all_views_is_each_view_alone():
    made, given = network(), images()
    together = made(given)
    for name, image in given.items():
        alone = made({name: image})
        for level, maps in alone["embeddings"][name].items():
            np.testing.assert_allclose(array(maps), array(together["embeddings"][name][level]), atol=1e-5)
        np.testing.assert_allclose(
            array(alone["reconstructions"][name]), array(together["reconstructions"][name]), atol=1e-5
        )


def test_levels_are_those_that_are_named():
    made = network(levels=[1])
    assert list(made(images())["embeddings"]["fixed_view"]) == ["P1"]
    with pytest.raises(ConfigError, match="`levels` names a level twice"):
        network(levels=[1, 1])
    with pytest.raises(ConfigError, match=r"`levels`: the encoder has no P3. It has P0, P1, P2"):
        network(levels=[0, 3])(images())


def test_a_reconstructor_that_ends_at_half_resolution():
    made = network(reconstructor={"name": "unet", "filters": [4], "final": []})
    assert made(images())["reconstructions"]["moving_view"].shape == (2, 8, 4, 12, 1)


def test_reconstructions_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        found = network()(images())
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(found["reconstructions"]["fixed_view"].dtype) == "float32"
    assert keras.backend.standardize_dtype(found["embeddings"]["fixed_view"]["P1"].dtype) == "bfloat16"


def test_saved_file_restores_the_network(tmp_path):
    made, given = network(normalization="batch"), images()
    expected = made(given, training=False)
    made.save(tmp_path / "network.keras")
    found = keras.saving.load_model(tmp_path / "network.keras")(given, training=False)
    assert keras.tree.map_structure(lambda x: array(x).tolist(), found) == keras.tree.map_structure(
        lambda x: array(x).tolist(), expected
    )


class Earlier:
    def __init__(self, network):
        self.trained = network

    def network(self, name):
        return self.trained


@pytest.mark.parametrize("name", ["segmentation", "siamese"])
def test_other_networks_begin_with_its_encoder(name):
    """Those that see one image at a time have the same encoder."""
    made = network()
    made(images(names=("fixed",)))
    options = {"labels": [1]} if name == "segmentation" else {}
    other = tfregkit.build("network", name, encoder=ENCODER, decoder=DECODER, **options)
    given = images(names=("fixed", "moving"))
    other(given)
    before = array(other.encoder(given["fixed"])["P2"])
    start_from(other, {"encoder": "pretraining"}, Earlier(made))
    after = array(other.encoder(given["fixed"])["P2"])
    np.testing.assert_allclose(after, array(made.encoder(given["fixed"])["P2"]), atol=1e-6)
    assert np.abs(after - before).max() > 1e-3
    assert made.extractor("fixed") is made.encoder
