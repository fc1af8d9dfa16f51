"""The propagative network against its equations, and its switches."""

import keras
import numpy as np
import pytest
from backends import gradients, tensorflow_only
from keras import ops
from references import propagative as reference
from references.spatial import warp
from small_propagative import RNG, SMALL, array, pair, small

import tfregkit
from tfregkit.errors import ConfigError

CASES = {  # what is asked for beside SMALL, and the number of axes
    "three_stages": ({}, 3),
    "four_stages": ({"stages": 4}, 2),
    "two_stages": ({"stages": 2}, 3),
    "images": ({"features": "image"}, 2),
    "no_regularization": ({"regularization_filters": []}, 2),
    "no_constraint": ({"steps": 0}, 2),
    "compose": ({"propagation": "compose"}, 3),
    "compose_without_constraint": ({"propagation": "compose", "steps": 0}, 2),
}


def weights(layer):
    return [array(variable) for variable in (layer.kernel, layer.bias)]


def modules(layers):
    """Kernels and biases as the reference takes them."""
    return [([weights(block.conv) for block in layer.blocks], weights(layer.head)) for layer in layers]


def test_three_stages_have_the_published_number_of_parameters():
    network = tfregkit.build("network", "propagative")
    network.build({role: (1, 16, 16, 16, 1) for role in ("moving", "fixed")})
    features = [(64, 1, 16), (27, 16, 16), (27, 16, 16), (64, 16, 32), (27, 32, 32), (27, 32, 32)]
    matching = [(27, first, 48) for first in (1 + 32, 1 + 16 + 3 + 16)]
    matching += 2 * [(27, 48, 32), (27, 32, 16), (27, 16, 3)]
    regularization = 2 * [(27, 3, 48), (27, 48, 48), (27, 48, 32), (27, 32, 3)]
    layers = features + matching + regularization
    kernels = [v.shape for v in network.trainable_variables if v.path.endswith("kernel")]
    assert sorted((int(np.prod(k[:-2])), *k[-2:]) for k in kernels) == sorted(layers)
    assert network.count_params() == sum(taps * i * o + o for taps, i, o in layers) == 526_444
    assert [[block.dilation for block in module.blocks] for module in network.regularization] == 2 * [[1, 2, 4]]
    assert [network.regularization[0].blocks[0].slope, network.matching[0].blocks[0].slope] == [0.1, 0.2]
    assert (network.steps, network.stride, network.propagation, network.variational) == (7, 4, "literal", False)


@pytest.mark.parametrize("name", CASES)
def test_is_what_the_equations_say(name):
    options, rank = CASES[name]
    network, inputs = small(rank, **options)
    found = network(inputs, training=False)
    if network.features == "learned":
        levels = [[weights(block.conv) for block in blocks] for blocks in network.pyramid.blocks]
        features = [reference.pyramid(inputs[role], levels) for role in ("moving", "fixed")]
    else:
        features = [averaged(inputs[role], network.stages - 1) for role in ("moving", "fixed")]
    expected = reference.propagate(
        *features,
        modules(network.matching),
        modules(network.regularization),
        network.dilations,
        network.steps,
        network.propagation == "literal",
    )
    assert list(found["levels"]) == list(expected)
    for level, fields in expected.items():
        for key, field in fields.items():
            np.testing.assert_allclose(array(found["levels"][level][key]), field, atol=3e-4, err_msg=f"{key}.{level}")
            assert np.abs(field).max() > 0.03
        for role, maps in zip(("moving", "fixed"), features, strict=True):
            np.testing.assert_allclose(array(found["features"][role][level]), maps[level], atol=1e-4)
    finest, shape = expected["P1"], inputs["fixed"].shape[1:-1]
    np.testing.assert_allclose(
        array(found["displacement"]), reference.enlarged(finest["displacement"], shape), atol=1e-3
    )
    assert ("velocity" in found) == (network.propagation == "literal")
    if "velocity" in found:
        np.testing.assert_allclose(array(found["velocity"]), finest["velocity"], atol=3e-4)
    assert ("inverse" in found) == (network.steps > 0)


def averaged(image, levels):
    """The image averaged over 2, 4, ... pixels along each of its two axes."""
    found = {}
    for level in range(1, levels + 1):
        side = 2**level
        batch, width, height, channels = image.shape
        parts = image.reshape(batch, width // side, side, height // side, side, channels)
        found[f"P{level}"] = parts.mean((2, 4), dtype=float)
    return found


@pytest.mark.parametrize("propagation", ["literal", "compose"])
def test_there_and_back(propagation):
    """At half resolution, where the fields are made: resizing a field and its inverse is not exact."""
    network, inputs = small(2, cells=(11, 13), propagation=propagation, steps=7)
    for module in (*network.matching, *network.regularization):
        module.head.kernel.assign(0.1 * module.head.kernel)
        module.head.bias.assign(0.2 + module.head.bias)
    levels = network(inputs, training=False)["levels"]
    there, back = array(levels["P1"]["displacement"]), array(network._inverse(levels))
    home = there + warp(back, there)
    assert np.abs(there).mean() > 0.2
    assert np.abs(home[:, 3:-3, 3:-3]).mean() < 0.1 * np.abs(there).mean()


def test_composed_fields_are_undone_in_the_other_order():
    """A turn by 0.3 at the coarse level, then a shift at the fine one, which do not commute: the closed form."""
    network, _ = small(2, propagation="compose", steps=7)
    angle, shift, shape = 0.3, np.array([2.0, -1.0]), (22, 26)

    def centred(shape):
        return np.stack(np.meshgrid(*(np.arange(size) - (size - 1) / 2 for size in shape), indexing="ij"), -1)

    x, y = np.moveaxis(centred([size // 2 for size in shape]), -1, 0)
    turn = angle * np.stack([-y, x], -1)
    fields = {"P2": turn, "P1": np.broadcast_to(shift, (*shape, 2))}
    levels = {
        name: {"velocity": ops.convert_to_tensor(field[None].astype("float32"))} for name, field in fields.items()
    }
    place = centred(shape)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    expected = place @ back.T - shift - place
    inner = (slice(5, -5), slice(5, -5))
    np.testing.assert_allclose(array(network._inverse(levels))[0][inner], expected[inner], atol=0.05)


def test_an_inverse_is_given_at_inference_and_in_training_where_it_is_asked_for():
    network, inputs = small(cells=(2, 3))
    assert "inverse" not in network(inputs, training=True)
    both, _ = small(cells=(2, 3), bidirectional=True)
    assert "inverse" in both(inputs, training=True)


def test_images_that_are_equal_are_hardly_moved_at_first():
    """The convolutions to the fields begin near zero."""
    network = tfregkit.build("network", "propagative", **SMALL)
    image = RNG.random((1, 8, 12, 20, 1), dtype=np.float32)
    assert np.abs(array(network({"moving": image, "fixed": 1 - image})["displacement"])).max() < 1e-2


def test_gradient_reaches_every_weight():
    network, inputs = small(variational=True)
    for _, variance_head in network.pyramid.heads:
        variance_head.bias.assign(0 * variance_head.bias)

    def total(*images):
        outputs = network({**inputs, "moving": images[0], "fixed": images[1]}, training=True)
        return sum(ops.sum(field**2) for fields in outputs["levels"].values() for field in fields.values())

    images = [inputs["moving"], inputs["fixed"]]
    assert all(np.abs(gradient).max() > 0 for gradient in gradients(total, *images))
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = total(*images)
        found = tape.gradient(loss, network.trainable_weights)
        for variable, gradient in zip(network.trainable_weights, found, strict=True):
            assert gradient is not None, variable.path
            assert np.abs(gradient).max() > 0, variable.path


def test_fields_are_float32_under_half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network, inputs = small()
        outputs = network(inputs)
    finally:
        keras.config.set_dtype_policy(before)
    fields = [outputs["displacement"], *outputs["levels"]["P2"].values(), *outputs["levels"]["P1"].values()]
    assert {str(keras.backend.standardize_dtype(field.dtype)) for field in fields} == {"float32"}
    maps = outputs["features"]["moving"]["P1"]
    assert keras.backend.standardize_dtype(maps.dtype) == "bfloat16"


@tensorflow_only
def test_rematerialisation_changes_nothing_but_the_memory():
    import tensorflow as tf

    inputs, found = pair((8, 12)), []
    for remat in (False, True):
        keras.utils.set_random_seed(4)
        network = tfregkit.build("network", "propagative", **{**SMALL, "stages": 2, "steps": 0}, remat=remat)
        network(inputs)
        for module in (*network.matching, *network.regularization):
            module.head.kernel.assign(tf.ones_like(module.head.kernel))

        @tf.function
        def gradient(network=network):
            with tf.GradientTape() as tape:
                total = tf.reduce_mean(network(inputs, training=True)["velocity"] ** 2)
            return tape.gradient(total, network.trainable_weights)

        found.append([g.numpy() for g in gradient()])
    for plain, recomputed in zip(*found, strict=True):
        np.testing.assert_allclose(recomputed, plain, rtol=1e-3, atol=1e-5 * np.abs(plain).max())


def test_saved_file_restores_the_network(tmp_path):
    network, inputs = small(variational=True, propagation="compose")
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    images = {role: inputs[role] for role in ("moving", "fixed")}
    np.testing.assert_array_equal(array(again(images)["displacement"]), array(network(images)["displacement"]))
    assert (again.steps, again.propagation, again.feature_filters) == (2, "compose", [3, 2, 4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": 4, "feature_filters": [8, 16]}, "`feature_filters` must have at least 3 for 4 stages"),
        ({"features": "image", "variational": True}, "`variational` goes with `features: learned`"),
        ({"regularization_filters": [8]}, "`dilations` must have one for each of `regularization_filters`"),
        ({"bidirectional": True, "steps": 0}, "`bidirectional` needs an integrated velocity"),
        ({"stages": 5}, "less than or equal to 4"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        tfregkit.build("network", "propagative", **options)


def test_sizes_that_do_not_fit_the_stages_are_refused():
    network = tfregkit.build("network", "propagative", **SMALL, stages=4)
    with pytest.raises(
        ConfigError, match=r"registered in 4 stages, sizes must be multiples of 8x8, as in 8x16 or 16x24"
    ):
        network(pair((12, 20)))
    with pytest.raises(ConfigError, match="too small for 4 stages: .* images need 16. Use fewer stages"):
        network(pair((8, 24)), training=True)
