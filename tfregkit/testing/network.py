"""Checks of a registration network: see `tfregkit.api.Network` for the contract they spell out."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfregkit.api import Network
from tfregkit.ops.normal_noise import NOISE_SIZE
from tfregkit.ops.warp import warp
from tfregkit.testing.common import BATCH, array, follows_the_rules, fresh, image
from tfregkit.testing.encoder import CELLS, sizes, stride_is_a_power_of_two


def pair(network: Network, cells: tuple[int, ...], batch: int = BATCH, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs whose sizes the network takes."""
    shape = sizes(network.stride, cells)
    inputs = {"moving": image(shape, seed, batch=batch), "fixed": image(shape, seed + 1, batch=batch)}
    return {**inputs, "lam": np.linspace(0.1, 0.9, batch, dtype="float32")[:, None]} if network.conditioned else inputs


def gives_fields_on_the_grid_of_the_images(network: Network) -> None:
    for cells in CELLS:
        inputs = pair(network, cells)
        outputs = fresh(network)(inputs, training=False)
        expected = (*inputs["fixed"].shape[:-1], len(cells))
        assert "displacement" in outputs, f"a network returns a dict with `displacement`. Received: {sorted(outputs)}"
        missing = sorted(set(network.gives) - set(outputs))
        assert not missing, f"the network says that it `gives` {missing[0]}, and does not. Received: {sorted(outputs)}"
        for name in {"displacement", "inverse"} & set(outputs):
            field = array(outputs[name])
            assert field.shape == expected, f"`{name}` must have shape {expected}. Received: {field.shape}"
            assert field.dtype == np.float32, f"`{name}` must be float32. Received: {field.dtype}"
            assert np.all(np.isfinite(field)), f"`{name}` is not finite"


def takes_any_size(network: Network) -> None:
    """Built once, called with another size: networks are fully convolutional."""
    network = fresh(network)
    for cells in ((1, 2, 3), (2, 1, 1)):
        inputs = pair(network, cells)
        found = network(inputs, training=False)["displacement"].shape
        assert tuple(found[1:-1]) == inputs["fixed"].shape[1:-1], f"images {inputs['fixed'].shape} gave {found}"


def items_are_independent(network: Network) -> None:
    """At inference a pair's field may not depend on the other pairs of the batch."""
    network, inputs = fresh(network), pair(network, CELLS[1])
    together = array(network(inputs, training=False)["displacement"])
    alone = array(network({key: value[1:] for key, value in inputs.items()}, training=False)["displacement"])
    np.testing.assert_allclose(together[1:], alone, rtol=1e-3, atol=1e-5, err_msg="a field depends on its batch")


def features_cover_the_images(network: Network) -> None:
    """Where a network gives features: maps `P0`, `P1`, ... of both roles, 2^n times coarser than the whole images."""
    inputs = pair(network, CELLS[1])
    features = fresh(network)(inputs, training=False).get("features")
    if features is None:
        return
    assert set(features) == {"moving", "fixed"}, f"features are given by role. Received: {sorted(features)}"
    for role, maps in features.items():
        for name, found in maps.items():
            expected = (BATCH, *(size // 2 ** int(name[1:]) for size in inputs[role].shape[1:-1]))
            assert tuple(found.shape[:-1]) == expected, f"{role} {name} is {found.shape}, expected {expected}"


def same_weights_same_field(network: Network) -> None:
    """Two copies with equal weights give equal fields: all state is in the weights."""
    one, two, inputs = fresh(network), fresh(network), pair(network, CELLS[1])
    outputs = [_field(each, inputs) for each in (one, two)]
    two.set_weights(one.get_weights())
    np.testing.assert_allclose(_field(two, inputs), outputs[0], rtol=1e-4, atol=1e-6)


def inverse_undoes_the_displacement(network: Network) -> None:
    """Where a network integrates and gives an inverse: there and back ends at most a quarter voxel off, on average."""
    cells = max(2, 12 // network.stride)
    network, inputs = fresh(network), pair(network, (cells, cells + 1, cells))
    outputs = network(inputs, training=False)
    if not {"velocity", "inverse"} <= set(outputs):
        return
    network.set_weights([w + 0.02 * np.random.default_rng(0).normal(size=w.shape) for w in network.get_weights()])
    outputs = network(inputs, training=False)
    displacement, inverse = outputs["displacement"], outputs["inverse"]
    back = array(displacement) + array(warp(inverse, displacement))
    inner = back[:, 2:-2, 2:-2, 2:-2]
    assert np.abs(inner).mean() < 0.25, f"there and back ends {np.abs(inner).mean():.2f} voxels off on average"


def encode_gives_the_features(network: Network) -> None:
    """Where a network gives features: `encode` alone gives the same."""
    network, inputs = fresh(network), pair(network, CELLS[1])
    outputs = network(inputs, training=False)
    if "features" not in outputs:
        return
    alone = network.encode(inputs, training=False)
    for role, maps in outputs["features"].items():
        for level, expected in maps.items():
            found = array(alone[role][level])
            np.testing.assert_allclose(
                found, array(expected), rtol=1e-5, atol=1e-6, err_msg=f"`encode` gives another `{level}` of {role}"
            )


def draws_where_it_is_given_noise(network: Network) -> None:
    """A network that `needs` noise draws at inference too, by `noise_scale`, and takes the mean without noise."""
    if "noise" not in network.needs:
        return
    network, inputs = fresh(network), pair(network, CELLS[1])
    noise = np.random.default_rng(0).random((BATCH, NOISE_SIZE), dtype="float32")
    mean, drawn = _field(network, inputs), _field(network, {**inputs, "noise": noise})
    assert np.abs(drawn - mean).max() > 0, "with `noise` among the inputs the field is the one without it"
    still = _field(network, {**inputs, "noise": noise, "noise_scale": np.zeros((BATCH, 1), "float32")})
    np.testing.assert_allclose(still, mean, rtol=1e-5, atol=1e-7, err_msg="`noise_scale` 0 does not give the mean")


def _field(network: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
    return array(network(inputs, training=False)["displacement"])


CHECKS = [
    follows_the_rules,
    stride_is_a_power_of_two,
    gives_fields_on_the_grid_of_the_images,
    takes_any_size,
    items_are_independent,
    features_cover_the_images,
    same_weights_same_field,
    inverse_undoes_the_displacement,
    encode_gives_the_features,
    draws_where_it_is_given_noise,
]
