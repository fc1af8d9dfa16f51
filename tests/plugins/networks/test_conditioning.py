"""Networks that take lambda: what both ways of taking it must do."""

import keras
import numpy as np
import pytest
from backends import gradients
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.layers import FiLM
from tfregkit_plugins.networks.svf import SVF

RNG = np.random.default_rng(8)
WAYS = ("film", "cin")
BLOCKS = {"film": "conv", "cin": "cin", "none": "conv"}


def network(conditioning, block=None, **parameters):
    block = block or BLOCKS[conditioning]
    encoder = {"name": "unet", "filters": [3, 4, 5], "convolutions": 2, "block": block}
    decoder = {"name": "unet", "filters": [4, 3], "final": [3], "block": block}
    return tfregkit.build("network", "svf", encoder=encoder, decoder=decoder, conditioning=conditioning, **parameters)


def pair(shape=(8, 12, 20), batch=2, **more):
    images = {name: RNG.normal(size=(batch, *shape, 1)).astype(np.float32) for name in ("moving", "fixed")}
    return {**images, **more}


def lambdas(*values):
    return np.array(values, np.float32)[:, None]


def velocity(built, inputs):
    return ops.convert_to_numpy(built(inputs)["velocity"])


def stirred(built, inputs):
    """Every weight is changed: initial biases of zero hide mistakes, and the velocity is about a voxel, not tiny."""
    built(inputs)
    for variable in built.trainable_variables:
        variable.assign_add(0.1 * RNG.normal(size=variable.shape))
    built.velocity_head.kernel.assign(0.5 * RNG.normal(size=built.velocity_head.kernel.shape))
    return built


def projections(built):
    return _variables(built, FiLM)


def maps_of_lambda(built):
    """The projections, and all layers on the way to them: every dense layer of the network."""
    return _variables(built, keras.layers.Dense)


def _variables(built, kind):
    layers = [layer for layer in built._flatten_layers() if isinstance(layer, kind)]
    return [variable for layer in layers for variable in layer.trainable_variables]


def network_and_images(way, shape=(8, 12, 20), **more):
    inputs = pair(shape, **more)
    return stirred(network(way), inputs), inputs


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(8, 12, 20), (12, 8)])
def test_zero_projections_give_the_unconditioned_network_at_every_lambda(way, shape):
    built, inputs = network_and_images(way, shape, lam=lambdas(0.1, 0.9))
    for variable in projections(built):
        variable.assign(np.zeros(variable.shape))
    plain = network("none", block=BLOCKS[way])
    plain(inputs)
    of_lambda = {id(variable) for variable in maps_of_lambda(built)}
    own = [variable for variable in built.trainable_variables if id(variable) not in of_lambda]
    assert len(own) == len(plain.trainable_variables) < len(built.trainable_variables)
    for mine, theirs in zip(plain.trainable_variables, own, strict=True):
        mine.assign(theirs)
    expected = velocity(plain, inputs)
    assert np.abs(expected).max() > 0.1
    for lam in ([0.1, 0.9], [0.0, 1.0], [0.5, 0.5]):
        np.testing.assert_allclose(velocity(built, {**inputs, "lam": lambdas(*lam)}), expected, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_lambda_of_each_item_is_its_own(way):
    built, inputs = network_and_images(way, lam=lambdas(0.1, 0.9))
    assert built.conditioned
    together = velocity(built, inputs)
    for item in (0, 1):
        alone = velocity(built, {name: value[item : item + 1] for name, value in inputs.items()})
        np.testing.assert_allclose(alone[0], together[item], atol=1e-4)
    other = velocity(built, {**inputs, "lam": lambdas(0.1, 0.2)})
    np.testing.assert_allclose(other[0], together[0], atol=1e-5)
    assert not np.allclose(other[1], together[1], atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_one_pair_with_several_lambdas_is_that_many_runs(way):
    built, inputs = network_and_images(way, batch=1, lam=lambdas(0.5))
    values = (0.0, 0.2, 0.9)
    together = built({**inputs, "lam": lambdas(*values)})
    for name in ("velocity", "displacement", "inverse"):
        found = ops.convert_to_numpy(together[name])
        assert found.shape[0] == 3
        for item, lam in enumerate(values):
            alone = ops.convert_to_numpy(built({**inputs, "lam": lambdas(lam)})[name])
            np.testing.assert_allclose(found[item : item + 1], alone, atol=1e-4)
        assert not np.allclose(found[0], found[2], atol=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_gradient_reaches_every_map_of_lambda(way):
    built, inputs = network_and_images(way, (8, 8, 8), lam=lambdas(0.3, 0.7))
    weights = [ops.convert_to_numpy(variable) for variable in built.trainable_variables]
    others = [variable.value for variable in built.non_trainable_variables]

    def total(*values):
        out, _ = built.stateless_call(list(values), others, inputs)
        return ops.sum(out["velocity"] ** 2)

    found = dict(zip(map(id, built.trainable_variables), gradients(total, *weights), strict=True))
    maps = maps_of_lambda(built)
    assert len(maps) == (2 * 4 + 2 * 9 if way == "film" else 8 * 2 * 4 + 2 * (8 + 2))
    for variable in maps:
        assert np.abs(found[id(variable)]).max() > 1e-6, variable.path


@pytest.mark.parametrize("way", WAYS)
def test_saved_file_restores_the_network(tmp_path, way):
    built, inputs = network_and_images(way, lam=lambdas(0.1, 0.9))
    built.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert isinstance(again, SVF)
    np.testing.assert_array_equal(velocity(again, inputs), velocity(built, inputs))
    assert (again.conditioning, again.encoder.block) == (way, BLOCKS[way])


def test_only_film_has_weight_decay():
    film, cin = (network_and_images(way, (8, 8, 8), lam=lambdas(0.3, 0.7))[0] for way in WAYS)
    assert len(film.losses) == 2 * 9
    assert cin.losses == []


def test_each_block_of_cin_has_its_own_map_of_four_layers_of_64():
    cin, plain = network_and_images("cin", lam=lambdas(0.3, 0.7))[0], network("none", block="cin")
    plain(pair())
    channels = [3, 3, 4, 4, 5, 5 + 4, 4 + 3, 3]  # of what each block but the first normalises
    own_map = (1 * 64 + 64) + 3 * (64 * 64 + 64)
    assert cin.count_params() - plain.count_params() == sum(own_map + 65 * 2 * c for c in channels)


@pytest.mark.parametrize(("way", "block"), [("cin", "conv"), ("film", "cin")])
def test_blocks_that_do_not_fit_are_refused(way, block):
    with pytest.raises(ConfigError, match=f"`conditioning: cin` goes with .* conditioning={way}, block={block}"):
        network(way, block=block)


def test_a_preset_takes_both_and_refuses_yes():
    built = tfregkit.build("network", "contrareg", channels=4, conditioning="cin")
    assert built.encoder.block == built.decoder.block == "cin"
    assert tfregkit.build("network", "contrareg", channels=4).conditioning == "film"
    with pytest.raises(ConfigError, match="'none', 'film' or 'cin'"):
        tfregkit.build("network", "contrareg", conditioning=True)
