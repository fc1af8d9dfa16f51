"""The features of the propagative network: where they differ, and what is drawn of them."""

import numpy as np
from small_propagative import RNG, array, noise, pair, small

from tfregkit_plugins.networks.propagative_features import FeaturePyramid
from tfregkit_plugins.networks.propagative_matching import matching_error


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
