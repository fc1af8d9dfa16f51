"""An affine network before another one: against the composition written down in float64."""

import warnings
from typing import Any

import keras
import numpy as np
import pytest
from backends import gradients
from keras import ops
from references import spatial

import tfregkit
from tfregkit.api import Network
from tfregkit.errors import ConfigError
from tfregkit.ops import affine_to_displacement, resize_field, warp
from tfregkit.testing.common import image

RNG = np.random.default_rng(23)
UNET = {
    "encoder": {"name": "unet", "filters": [3, 4]},
    "decoder": {"name": "unet", "filters": [4], "final": [3]},
}
SHAPE = (8, 12, 20)


@pytest.fixture(autouse=True)
def _seeded(monkeypatch):
    """The same numbers in whatever order the tests run."""
    keras.utils.set_random_seed(23)
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(23))


def section(name="svf", **parameters):
    return {"name": name, **UNET, "resolution": "full", **parameters}


def network(affine="small", **deformable):
    affine = {"name": "affine", "filters": [3, 4]} if affine == "small" else affine
    return tfregkit.build("network", "affine_deformable", affine=affine, deformable=section(**deformable))


def pair(shape=SHAPE, batch=2, **more):
    images = {name: RNG.normal(size=(batch, *shape, 1)).astype(np.float32) for name in ("moving", "fixed")}
    return {**images, **more}


def array(x):
    return ops.convert_to_numpy(x)


def stirred(built, inputs):
    """With an affine that differs from pair to pair, and a field of about a voxel."""
    built(inputs)
    rank = len(inputs["fixed"].shape) - 2
    head = built.deformable.velocity_head
    head.kernel.assign(0.3 * RNG.normal(size=head.kernel.shape))
    if built.affine is not None:
        built.affine.head.kernel.assign(0.01 * RNG.normal(size=built.affine.head.kernel.shape))
        built.affine.head.bias.assign(0.15 * RNG.normal(size=rank * (rank + 1)))
    return built


def composed(matrix, d):
    """`p -> A (x + d(p)) + b - x`, x about the centre."""
    rank, shape = d.shape[-1], d.shape[1:-1]
    x = np.moveaxis(np.indices(shape), 0, -1) - [(size - 1) / 2 for size in shape]
    return np.stack([(x + e) @ m[:, :rank].T + m[:, rank] - x for m, e in zip(matrix.astype(float), d, strict=True)])


@pytest.mark.parametrize("shape", [SHAPE, (12, 20)])
def test_one_warp_is_the_affine_of_the_deformed_point(shape):
    inputs = pair(shape)
    built = stirred(network(), inputs)
    out = {name: array(field) for name, field in built(inputs).items()}
    np.testing.assert_array_equal(out["affine"], array(built.affine(inputs)["affine"]))
    assert np.abs(out["affine"][0] - out["affine"][1]).max() > 1e-3
    moved = spatial.warp(inputs["moving"], composed(out["affine"], np.zeros_like(out["deformation"])))
    alone = built.deformable({**inputs, "moving": moved.astype("float32")})
    np.testing.assert_allclose(out["deformation"], array(alone["displacement"]), atol=1e-4)
    np.testing.assert_allclose(out["velocity"], array(alone["velocity"]), atol=1e-4)
    np.testing.assert_allclose(out["displacement"], composed(out["affine"], out["deformation"]), atol=1e-4)
    assert np.abs(out["displacement"] - out["deformation"]).max() > 0.5


def test_begins_as_the_deformable_network():
    inputs = pair()
    built = network()
    built(inputs)
    built.deformable.velocity_head.kernel.assign(0.3 * RNG.normal(size=built.deformable.velocity_head.kernel.shape))
    out, alone = built(inputs), built.deformable(inputs)
    for name in ("displacement", "inverse", "velocity"):
        np.testing.assert_allclose(array(out[name]), array(alone[name]), atol=1e-4)


def test_there_and_back_is_where_it_began():
    """Within the grid; beyond it there is nothing to sample the inverse from."""
    shape = (24, 20, 28)
    inputs = pair(shape, batch=1)
    built = stirred(network(steps=6, resolution="half"), inputs)
    built.deformable.velocity_head.kernel.assign(0.2 * array(built.deformable.velocity_head.kernel))
    out = built(inputs)
    there, back = array(out["displacement"]), array(out["inverse"])
    away = there + spatial.warp(back, there)
    inner = (0, *[slice(6, -6)] * 3)
    assert np.abs(away[inner]).max() < 0.1
    assert np.abs(away[inner]).mean() < 0.02
    assert np.abs(there[inner]).max() > 1


def test_without_an_affine_it_is_the_deformable_network_and_the_identity():
    inputs = pair()
    built = stirred(network(affine=None), inputs)
    out, alone = built(inputs), built.deformable(inputs)
    np.testing.assert_array_equal(array(out["affine"]), np.broadcast_to(np.eye(3, 4), (2, 3, 4)))
    for name in ("displacement", "inverse"):
        np.testing.assert_allclose(array(out[name]), array(alone[name]), atol=1e-5)
    assert built.stride == 2


def test_no_inverse_where_the_deformable_network_has_none():
    inputs = pair()
    assert "inverse" not in stirred(network(steps=0), inputs)(inputs)
    assert "inverse" in stirred(network(steps=3, bidirectional=True), inputs)(inputs, training=True)


def test_features_are_of_the_image_after_the_affine():
    inputs = pair()
    built = stirred(network(name="siamese"), inputs)
    out, encoded = built(inputs), built.encode(inputs)
    aligned = warp(inputs["moving"], affine_to_displacement(out["affine"], SHAPE))
    expected = built.deformable.encoder(aligned)
    for level in ("P0", "P1"):
        for found in (out["features"], encoded):
            np.testing.assert_allclose(array(found["moving"][level]), array(expected[level]), atol=1e-4)
    assert np.abs(array(expected["P1"]) - array(built.deformable.encoder(inputs["moving"])["P1"])).max() > 0.1


def test_what_the_deformable_network_takes_it_gets():
    built = network(probabilistic=True, conditioning="film")
    assert (built.needs, built.conditioned, built.stride) == (("noise",), True, 2)
    inputs = pair(lam=np.array([[0.1], [0.9]], np.float32))
    noise = RNG.random((2, 4096), dtype=np.float32)
    stirred(built, inputs).deformable.log_variance_head.bias.assign(np.zeros(3))
    drawn = built({**inputs, "noise": noise}, training=True)
    again = built({**inputs, "noise": noise[::-1]}, training=True)
    assert np.abs(array(drawn["displacement"]) - array(again["displacement"])).max() > 0.1
    assert tuple(drawn["posterior"].shape) == (2, *SHAPE, 6)


def test_one_pair_at_two_lambdas_has_one_affine():
    """Images of batch 1 with several lambdas, as inference gives them."""
    inputs = pair(batch=1, lam=np.array([[0.1], [0.9]], np.float32))
    built = stirred(network(conditioning="film"), inputs)
    for variable in built.deformable.trainable_variables:
        variable.assign_add(0.05 * RNG.normal(size=variable.shape))
    out = built(inputs)
    assert {tuple(out[name].shape[:1]) for name in ("affine", "displacement", "inverse", "deformation")} == {(2,)}
    second = built({**inputs, "lam": inputs["lam"][1:]})
    np.testing.assert_allclose(array(out["displacement"])[1:], array(second["displacement"]), atol=1e-4)


class Levels(Network):
    """A field by levels: of the moving image's values."""

    def __init__(self, *, gives: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.gives = gives

    @property
    def stride(self) -> int:
        return 4

    def call(self, inputs, training=None):
        field = ops.concatenate([inputs["moving"]] * 3, axis=-1)
        coarse = resize_field(field, [size // 2 for size in ops.shape(field)[1:-1]])
        levels = {"P1": {"displacement": coarse, "velocity": 2 * coarse}}
        return {"displacement": field, "levels": levels, **(self.gives or {})}


def test_levels_are_composed_in_their_own_voxels():
    inputs = pair()
    built = tfregkit.build("network", "affine_deformable", affine={"name": "affine"}, deformable=Levels())
    built(inputs)
    built.affine.head.bias.assign(0.15 * RNG.normal(size=12))
    out, plain = built(inputs), Levels()({**inputs, "moving": array(built._aligned(inputs, False)[1]["moving"])})
    level, alone = out["levels"]["P1"], plain["levels"]["P1"]
    for name, expected in (("velocity", "velocity"), ("deformation", "displacement")):
        np.testing.assert_allclose(array(level[name]), array(alone[expected]), atol=1e-4)
    coarse = [size // 2 for size in SHAPE]
    only = array(resize_field(affine_to_displacement(out["affine"], SHAPE), coarse))
    ratio = np.array([(new - 1) / (size - 1) for size, new in zip(SHAPE, coarse, strict=True)])
    linear = [np.diag(ratio) @ m[:, :3] @ np.diag(1 / ratio) for m in array(out["affine"])]
    turned = np.stack([d @ a.T for a, d in zip(linear, array(alone["displacement"]), strict=True)])
    np.testing.assert_allclose(array(level["displacement"]), only + turned, atol=1e-4)


def test_an_affine_within_an_affine_is_refused():
    inner = {"name": "affine_deformable", "deformable": section()}
    nested = tfregkit.build("network", "affine_deformable", deformable=inner)
    with pytest.raises(ConfigError, match="`deformable` has an affine part of its own"):
        nested(pair())
    with pytest.raises(ConfigError, match="`affine` must be a network that gives the matrix of an affine"):
        network(affine=section())(pair())


def test_gradients_reach_both_networks_as_finite_differences_say():
    """Of a loss of the moved image, through the composed warp and through what the deformable network sees."""
    smooth = {name: 10 * image((8, 10, 12), seed, batch=1) for seed, name in enumerate(("moving", "fixed"))}
    built = stirred(network(steps=0), smooth)
    fixed = ops.convert_to_tensor(smooth["fixed"])
    direction = {"affine": RNG.normal(size=(1, 12)), "deformable": RNG.normal(size=(1, 3))}
    before = {"affine": array(built.affine.head.bias), "deformable": array(built.deformable.velocity_head.bias)}

    def loss():
        moved = warp(smooth["moving"], built(smooth)["displacement"], image_gradient=False)
        return ops.mean(ops.square(fixed - moved))

    for part, bias in (("affine", built.affine.head.bias), ("deformable", built.deformable.velocity_head.bias)):
        h, values = 2e-4, []
        for sign in (-1, 0, 1):
            bias.assign(before[part] + sign * h * direction[part][0])
            values.append(float(loss()))
        bias.assign(before[part])

        def along(t, part=part, bias=bias):
            step = ops.convert_to_tensor(direction[part][0].astype("float32"))
            with keras.StatelessScope(state_mapping=[(bias, ops.convert_to_tensor(before[part]) + t[0] * step)]):
                return loss()

        (found,) = gradients(along, np.zeros((1,), np.float32))
        low, high = sorted(np.diff(values) / h)  # from both sides: interpolation has kinks
        assert low - 0.02 * abs(low) < found[0] < high + 0.02 * abs(high)
        assert abs(found[0]) > 1e-3


def test_saved_file_restores_both_networks(tmp_path):
    inputs = pair()
    built = stirred(network(bidirectional=True), inputs)
    built.save(tmp_path / "network.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(array(again(inputs)["displacement"]), array(built(inputs)["displacement"]))
    assert again.affine.filters == [3, 4]


def test_mixed_precision_gives_fields_in_float32():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        built = network(bidirectional=True)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    out = built(pair(), training=True)
    names = ("displacement", "inverse", "affine", "deformation")
    assert {array(out[name]).dtype for name in names} == {np.dtype("float32")}
    assert keras.backend.standardize_dtype(built.affine.convolutions[1].compute_dtype) == "bfloat16"
