"""The propagative network against its equations, its switches, and what it draws."""

import keras
import numpy as np
import pytest
from backends import gradients, tensorflow_only
from keras import ops
from references import propagative as reference
from references.spatial import warp

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit_plugins.networks.propagative_features import FeaturePyramid
from tfregkit_plugins.networks.propagative_matching import matching_error

SMALL = {"feature_filters": [3, 2, 4], "matching_filters": [4, 3], "regularization_filters": [2, 3]}
SMALL |= {"dilations": [1, 2], "steps": 2}
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
RNG = np.random.default_rng(23)


def pair(shape, batch=2, **more):
    images = {name: RNG.random((batch, *shape, 1), dtype=np.float32) for name in ("moving", "fixed")}
    return {**images, **more}


def noise(batch=2):
    return RNG.random((batch, 4096), dtype=np.float32)


def array(x):
    return ops.convert_to_numpy(x)


def stirred(network, inputs, scale=0.7):
    """The network with fields of about a voxel instead of its tiny initial ones."""
    network(inputs)
    for module in (*network.matching, *network.regularization):
        module.head.kernel.assign(scale * RNG.normal(size=module.head.kernel.shape))
    for variable in network.trainable_variables:
        if variable.path.endswith("bias") and not variable.path.endswith("log_variance/bias"):
            variable.assign(variable + 0.1 * RNG.normal(size=variable.shape))
    return network


def small(rank=2, cells=(2, 3, 5), **options):
    """A small network with fields of about a voxel, and inputs whose coarsest level has sizes `cells`."""
    keras.utils.set_random_seed(7)
    network = tfregkit.build("network", "propagative", **{**SMALL, **options})
    inputs = pair([cell * network.stride for cell in cells[:rank]])
    if network.needs:
        inputs["noise"] = noise()
    return stirred(network, inputs), inputs


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


def test_an_inverse_is_given_at_inference_and_in_training_where_it_is_asked_for():
    network, inputs = small(cells=(2, 3))
    assert "inverse" not in network(inputs, training=True)
    both, _ = small(cells=(2, 3), bidirectional=True)
    assert "inverse" in both(inputs, training=True)


def test_where_features_are_equal_there_is_no_error():
    """Eq. 5, with the identity; and with a shift of one voxel, of maps that are shifted."""
    maps = RNG.normal(size=(2, 7, 5, 11, 3)).astype(np.float32)
    np.testing.assert_array_equal(array(matching_error(maps, maps)), 0)
    field = np.zeros((2, 7, 5, 11, 3), np.float32)
    field[..., 1] = 1
    shifted = maps[:, :, [1, 2, 3, 4, 4]]
    np.testing.assert_allclose(array(matching_error(maps, shifted, field)), 0, atol=1e-6)
    error = array(matching_error(maps, shifted))
    np.testing.assert_allclose(error[..., 0], np.abs(maps.astype(float) - shifted).sum(-1), rtol=1e-5, atol=1e-6)


def test_images_that_are_equal_are_hardly_moved_at_first():
    """The convolutions to the fields begin near zero."""
    network = tfregkit.build("network", "propagative", **SMALL)
    image = RNG.random((1, 8, 12, 20, 1), dtype=np.float32)
    assert np.abs(array(network({"moving": image, "fixed": 1 - image})["displacement"])).max() < 1e-2


def test_the_features_are_shared():
    network, inputs = small()
    swapped = network.encode({"moving": inputs["fixed"], "fixed": inputs["moving"]})
    for role, other in (("moving", "fixed"), ("fixed", "moving")):
        for level, maps in network.encode(inputs)[role].items():
            np.testing.assert_allclose(array(swapped[other][level]), array(maps), atol=1e-6)


def test_variational_features_are_drawn_where_there_is_noise():
    """Standard normal about the mean, in units of the deviation; other numbers at each level, for each image."""
    pyramid = FeaturePyramid([5, 7], variational=True)
    inputs = pair((64, 48), noise=noise())
    pyramid(inputs)
    for mean_head, variance_head in pyramid.heads:
        mean_head.bias.assign(mean_head.bias + 1.0)
        variance_head.bias.assign(0 * variance_head.bias - 2.0)
    features, latent = pyramid(inputs)
    still, _ = pyramid({role: inputs[role] for role in ("moving", "fixed")})
    drawn = {}
    for level, count in (("P1", 5), ("P2", 7)):
        posterior = array(latent[level])
        assert posterior.shape[-1] == 4 * count
        means, deviations = posterior[..., : 2 * count], np.exp(0.5 * posterior[..., 2 * count :])
        np.testing.assert_allclose(deviations, np.exp(-1), rtol=0.01)
        for number, role in enumerate(("moving", "fixed")):
            own = slice(number * count, (number + 1) * count)
            drawn[level, role] = (array(features[role][level]) - means[..., own]) / deviations[..., own]
            assert abs(drawn[level, role].mean()) < 0.1
            assert abs(drawn[level, role].std() - 1) < 0.05
    first = latent["P1"][..., :5]
    np.testing.assert_allclose(array(still["moving"]["P1"]), array(first), atol=1e-6)
    assert np.abs(drawn["P1", "moving"] - drawn["P1", "fixed"]).mean() > 0.5
    again, _ = pyramid(inputs)
    np.testing.assert_array_equal(array(again["fixed"]["P2"]), array(features["fixed"]["P2"]))


def test_fields_are_drawn_where_there_is_noise_and_made_of_the_means_where_there_is_none():
    network, inputs = small(variational=True)
    assert network.needs == ("noise",)
    for _, variance_head in network.pyramid.heads:
        variance_head.bias.assign(0 * variance_head.bias)
    outputs = network(inputs, training=False)
    images = {role: inputs[role] for role in ("moving", "fixed")}
    mean, other = network(images, training=True), network({**images, "noise": noise()}, training=False)
    assert np.abs(array(outputs["displacement"]) - array(mean["displacement"])).max() > 0.05
    assert np.abs(array(outputs["displacement"]) - array(other["displacement"])).max() > 0.05
    still = network({**inputs, "noise_scale": np.zeros((2, 1), np.float32)}, training=False)
    np.testing.assert_allclose(array(still["displacement"]), array(mean["displacement"]), atol=1e-4)
    assert {level: tuple(latent.shape) for level, latent in outputs["latent"].items()} == {
        "P1": (2, 4, 6, 4 * 3), "P2": (2, 2, 3, 4 * 2),
    }  # fmt: skip


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
