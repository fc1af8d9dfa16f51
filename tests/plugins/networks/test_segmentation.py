"""The segmentation network."""

import keras
import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError

ENCODER = {"name": "unet", "filters": [3, 5]}
DECODER = {"name": "unet", "filters": [4], "final": [3]}


def network(labels=(3, 1), **options):
    parts = {"encoder": ENCODER, "decoder": DECODER, **options}
    return tfregkit.build(
        "network", "segmentation", labels=list(labels) if isinstance(labels, tuple) else labels, **parts
    )


def image(shape, seed=0):
    return np.random.default_rng(seed).random((2, *shape, 1), dtype="float32")


def test_structures_by_name_in_the_order_of_the_classes():
    named = network({"caudate": [37, 36], "pons": 35})
    assert named.structures == {"caudate": (37, 36), "pons": (35,)}
    assert network().structures == {"3": (3,), "1": (1,)}
    assert tfregkit.build("network", "voxelmorph").structures is None
    again = type(named).from_config(named.get_config())
    assert again.structures == named.structures


@pytest.mark.parametrize(
    ("labels", "said"),
    [([], "at least one value"), ({"a": []}, "at least one value"), ([0, 1], "each value once, and not 0"),
     ([1, 1], "each value once"), ({"a": [1, 2], "b": 2}, "each value once")],
)  # fmt: skip
def test_labels_that_cannot_be_classes_are_refused(labels, said):
    with pytest.raises(ConfigError, match=f"`labels` must name {said}"):
        network(labels)


UNETR = {"name": "unetr", "patch_size": 2, "feature_size": 3, "hidden_size": 4, "depth": 4, "heads": 2, "mlp_size": 5}


@pytest.mark.parametrize("encoder", [ENCODER, UNETR])
def test_saved_file_restores_the_network(tmp_path, encoder):
    made, images = network(encoder=encoder), {"fixed": image((10, 6))}
    made(images)
    rng = np.random.default_rng(3)
    for weights in made.weights:
        weights.assign(rng.normal(0.0, 0.3, weights.shape))
    made.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(
        *(ops.convert_to_numpy(each(images, training=False)["logits"]) for each in (again, made))
    )


@pytest.mark.parametrize("shape", [(10, 6), (6, 10, 14)])
def test_logits_of_any_size_are_those_of_encoder_decoder_and_a_convolution(shape):
    made = network()
    images = image(shape)
    assert made.stride == 2
    logits = ops.convert_to_numpy(made({"fixed": images})["logits"])
    assert logits.shape == (2, *shape, 3)
    features = ops.convert_to_numpy(made.decoder(made.encoder(images)))
    kernel, bias = (ops.convert_to_numpy(weight) for weight in (made.head.kernel, made.head.bias))
    np.testing.assert_allclose(logits, features @ kernel.reshape(3, 3) + bias, rtol=1e-4, atol=1e-5)
    larger = tuple(size + 4 for size in shape)
    assert made({"fixed": image(larger)})["logits"].shape == (2, *larger, 3)


def test_a_decoder_that_ends_at_half_resolution():
    made = network(
        encoder={"name": "unet", "filters": [3, 4, 5]}, decoder={"name": "unet", "filters": [4], "final": []}
    )
    assert made({"fixed": image((8, 12, 4))})["logits"].shape == (2, 8, 12, 4, 3)


def test_logits_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = network()
        found = made({"fixed": image((4, 6, 8))})["logits"]
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert made.head.compute_dtype == "float32"


def test_later_stages_get_its_encoder():
    made = network()
    assert made.extractor("moving") is made.encoder
