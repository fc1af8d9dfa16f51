"""The network tile by tile: what it gives at once where tiles agree, and what does not depend on them."""

import json

import numpy as np
import pytest
from conditioned import small_network
from keras import ops
from phantoms import Constant, fixed_image, moving_image
from world_grids import GRIDS

import tfregkit
from tfregkit.data.volume import nifti_image, working_grid
from tfregkit.errors import ConfigError
from tfregkit.inference import forward as module
from tfregkit.inference.forward import Forward
from tfregkit.inference.layout import Layout
from tfregkit.inference.registration import Registration
from tfregkit.inference.tiled import Tiled
from tfregkit.inference.tiling import Tiling
from tfregkit.models.base import Network, Stitcher
from tfregkit.objective.objective import Objective
from tfregkit.ops import integrate, resize_field

SHAPE = (16, 24, 12)
KERNEL = np.random.default_rng(4).normal(size=(3, 3, 3, 2, 3)).astype(np.float32) * 0.2


class Local(Network):
    """One convolution: nothing reaches further than a voxel. It remembers the largest image it saw."""

    def __init__(self, *, gives=("displacement",), conditioned=False):
        super().__init__()
        self.gives = gives
        self.takes_lambda = conditioned
        self.largest = (0, 0, 0)

    stride = 2

    @property
    def conditioned(self):
        return self.takes_lambda

    def call(self, inputs, training=None):
        self.largest = tuple(np.maximum(self.largest, inputs["fixed"].shape[1:4]))
        images = ops.concatenate([inputs["moving"], inputs["fixed"]], axis=-1)
        field = ops.conv(images, ops.convert_to_tensor(KERNEL), padding="same")
        if self.takes_lambda:
            field = field * (1.0 - ops.reshape(inputs["lam"], (-1, 1, 1, 1, 1)))
        found = {"displacement": field}
        if "velocity" in self.gives:
            shape = field.shape[1:4]
            velocity = resize_field(field, [size // 2 for size in shape])
            found = {"velocity": velocity}
            for sign, name in ((1, "displacement"), (-1, "inverse")):
                found[name] = resize_field(integrate(sign * velocity), shape)
        elif "inverse" in self.gives:
            found["inverse"] = -2.0 * field
        if "affine" in self.gives:
            found["affine"] = ops.eye(3, 4)[None]
        return found


class Doubled(Stitcher):
    """A stitcher that can be seen to have worked, and on what."""

    def __init__(self):
        super().__init__()
        self.counts = []

    def multiple(self, count):
        return 4 * count

    def call(self, field, count, training=None):
        self.counts.append(count)
        return field * 2.0


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Nothing here is run often enough for a graph to pay."""
    monkeypatch.setattr(module, "compiled", lambda function: function)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(11)
    return {name: rng.uniform(size=(1, *SHAPE, 1)).astype(np.float32) for name in ("moving", "fixed")}


@pytest.fixture(scope="module")
def images():
    volumes = moving_image(GRIDS["las"], np.eye(4)), fixed_image(GRIDS["ras"])
    return [nifti_image(volume.data, volume.grid) for volume in volumes]


def fields(network, batch, layout=None, stitcher=None, lambdas=(None,)):
    forward = Forward(network)
    if layout is not None:
        forward = Tiled(forward, layout, stitcher)
    return [outputs for outputs, _ in forward(batch, list(lambdas))]


def away_from(borders, shape, reach):
    """Voxels at least `reach` voxels from every face of the borders."""
    inside = np.ones(shape, bool)
    for axis, faces in enumerate(borders):
        for face in faces:
            near = [slice(None)] * 3
            near[axis] = slice(face - reach, face + reach)
            inside[tuple(near)] = False
    return inside


@pytest.mark.parametrize("gives", [("displacement",), ("displacement", "inverse")])
def test_where_no_tile_ends_the_field_is_that_of_the_whole_image(batch, gives):
    layout = Layout.evenly(SHAPE, (8, 12, 12), (4, 4, 0), 2)
    assert layout.counts == (3, 3, 1)
    network = Local(gives=gives)
    (tiled,) = fields(network, batch, layout)
    assert network.largest == (8, 12, 12)
    (whole,) = fields(Local(gives=gives), batch)
    assert set(tiled) == set(gives)
    inside = away_from(layout.borders(), SHAPE, 1)
    assert 0.2 < inside.mean() < 0.6
    for name in gives:
        np.testing.assert_allclose(tiled[name][0][inside], whole[name][0][inside], atol=1e-5)
        assert np.abs(tiled[name] - whole[name]).max() > 0.01


def test_a_velocity_is_put_together_and_integrated_as_a_whole(batch):
    layout = Layout.evenly(SHAPE, (8, 24, 12), (4, 0, 0), 2)
    (tiled,) = fields(Local(gives=("velocity",)), batch, layout)
    assert {name: field.shape[1:4] for name, field in tiled.items()} == {
        "velocity": (8, 12, 6),
        "displacement": SHAPE,
        "inverse": SHAPE,
    }
    for sign, name in ((1, "displacement"), (-1, "inverse")):
        expected = resize_field(integrate(sign * tiled["velocity"]), SHAPE)
        np.testing.assert_allclose(tiled[name], ops.convert_to_numpy(expected), atol=1e-5)


def test_a_posterior_is_put_together_on_its_own_grid(batch):
    class Drawn(Local):
        def call(self, inputs, training=None):
            shape = [size // 2 for size in inputs["fixed"].shape[1:4]]
            still = ops.zeros((1, *shape, 3))
            posterior = ops.concatenate([still + 0.5, still - 3.0], axis=-1)
            return {"displacement": resize_field(still, inputs["fixed"].shape[1:4]), "posterior": posterior}

    (tiled,) = fields(Drawn(), batch, Layout.evenly(SHAPE, (8, 12, 12), (4, 4, 0), 2))
    assert tiled["posterior"].shape == (1, 8, 12, 6, 6)
    np.testing.assert_allclose(tiled["posterior"][..., :3], 0.5, atol=1e-5)
    np.testing.assert_allclose(tiled["posterior"][..., 3:], -3.0, atol=1e-5)


def test_blocks_are_put_together_by_the_stitcher(batch):
    layout = Layout(SHAPE, (8, 12, 6), ((0, 8), (0, 12), (0, 6)))
    stitcher = Doubled()
    (plain,), (stitched,) = (fields(Local(), batch, layout, mends) for mends in (None, stitcher))
    assert stitcher.counts == [2]
    np.testing.assert_array_equal(stitched["displacement"], 2 * plain["displacement"])
    corner = {name: image[:, :8, :12, :6] for name, image in batch.items()}
    (first,) = fields(Local(), corner)
    np.testing.assert_array_equal(plain["displacement"][:, :8, :12, :6], first["displacement"])


def test_several_lambdas_tile_by_tile(batch):
    layout = Layout.evenly(SHAPE, (8, 24, 12), (4, 0, 0), 2)
    loose, stiff = fields(Local(conditioned=True), batch, layout, lambdas=(0.0, 0.75))
    (plain,) = fields(Local(), batch, layout)
    np.testing.assert_allclose(loose["displacement"], plain["displacement"], atol=1e-5)
    np.testing.assert_allclose(stiff["displacement"], 0.25 * plain["displacement"], atol=1e-5)


def test_a_tile_as_large_as_the_image_changes_no_bit(images):
    registration = Registration(small_network(), 4.0)
    whole = registration.register(*images, lam=0.3)
    tiled = registration.register(*images, lam=0.3, tile=100)
    np.testing.assert_array_equal(tiled.warp.dataobj, whole.warp.dataobj)
    np.testing.assert_array_equal(tiled.inverse_warp.dataobj, whole.inverse_warp.dataobj)
    assert tiled.about["tiles"] is None


def test_the_sidecar_tells_of_tiles_and_their_seam(images, tmp_path):
    result = Registration(Local(), 1.0).register(*images, tile=(16, 100, 12))
    grid = working_grid(GRIDS["ras"], 1.0, 2)
    assert tuple(result.about["working_grid"]["shape"]) == grid.shape
    told = result.about["tiles"]
    assert told["size"] == [16, grid.shape[1], 12]
    assert told["overlap"][0] >= 4
    assert told["number"][1] == 1
    assert told["stitcher"] is None
    assert told["seam"] > 0
    result.save(warp=tmp_path / "w.nii.gz")
    assert json.loads((tmp_path / "w.json").read_text())["tiles"] == told


def test_a_stitcher_gets_equal_blocks_of_a_grid_that_divides(images):
    stitcher = Doubled()
    result = Registration(Constant(stride_of=2), 1.0).register(*images, tile=12, stitcher=stitcher)
    shape, told = result.about["working_grid"]["shape"], result.about["tiles"]
    count = told["number"][0]
    assert told["number"] == [count] * 3
    assert all(size % (4 * count) == 0 for size in shape)
    assert told["size"] == [size // count for size in shape]
    assert max(told["size"]) <= 12
    assert (told["overlap"], told["stitcher"]) == ([0, 0, 0], "Doubled")
    assert stitcher.counts == [count]
    smallest = working_grid(GRIDS["ras"], 1.0).shape
    assert max(-(-size // 12) for size in smallest) <= count


def test_tiles_are_refined_as_a_whole(images):
    terms = {"mse": tfregkit.build("similarity", "mse")}
    registration = Registration(Local(), 2.0, objective=lambda: Objective(terms=terms))
    plain, losses = registration.register(*images, tile=8), []
    refined = registration.register(*images, tile=8, refine=3, progress=lambda *step: losses.append(step[-1]))
    assert losses[-1] < losses[0]
    assert plain.about["tiles"]["number"] == refined.about["tiles"]["number"]
    assert np.abs(refined.displacement - plain.displacement).max() > 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 0}, "`tile` must be one whole number or three, at least 1. Received: tile=0"),
        ({"tile": (8, 8)}, "`tile` must be one whole number or three"),
        ({"tile": 16, "tile_overlap": -1}, "`tile_overlap` must be one whole number or three, at least 0"),
        ({"tile": 16, "tile_overlap": 16}, "`tile_overlap` must be below `tile`"),
        ({"tile": 8, "tile_overlap": 7}, "multiples of 4 for this network, so a tile of 8 .* an overlap of 8"),
        ({"tile": 3}, "multiples of 4 for this network, so a tile of 3"),
        ({"tile_overlap": 4}, r"belong to tiles: give the size of a tile \(`--tile`\)"),
        ({"stitcher": Doubled()}, "belong to tiles"),
        ({"tile": 8, "tile_overlap": 4, "stitcher": Doubled()}, "mends tiles that do not overlap"),
        ({"tile": 3, "stitcher": Doubled()}, "blocks of multiples of 4 voxels, larger than 3x3x3"),
    ],
)
def test_sizes_that_make_no_tiles_are_refused(images, options, message):
    registration = Registration(Constant(stride_of=4), 1.0)
    with pytest.raises(ConfigError, match=message):
        registration.register(*images, **options)


class FakeRun:
    def __init__(self, network):
        self._network = network

    def network(self):
        return self._network


def test_a_stitcher_comes_from_a_run_whose_network_has_a_trained_one(monkeypatch):
    from tfregkit.training.run import Run

    network = Constant()
    monkeypatch.setattr(Run, "open", lambda path: FakeRun(network))
    with pytest.raises(ConfigError, match="runs/x: its network has no stitcher that was trained"):
        Tiling.of(16, None, "runs/x")
    network.stitcher = Doubled()
    with pytest.raises(ConfigError, match="no stitcher that was trained"):
        Tiling.of(16, None, "runs/x")
    network.stitcher(np.zeros((1, 8, 8, 8, 3), np.float32), count=2)
    found = Tiling.of(16, None, "runs/x")
    assert (found.stitcher, found.source, found.overlap) == (network.stitcher, "runs/x", (0, 0, 0))
    assert Tiling.of(found) is found
    with pytest.raises(ConfigError, match="mends tiles that do not overlap: leave `tile_weights` out"):
        Tiling.of(16, None, "runs/x", "gaussian")


def test_how_tiles_are_blended_belongs_to_tiles():
    assert Tiling.of(16).layout((32, 32, 32), 4).weights == "linear"
    assert Tiling.of(16, weights="gaussian").layout((32, 32, 32), 4).weights == "gaussian"
    with pytest.raises(ConfigError, match=r"`tile_weights` and `stitcher` belong to tiles"):
        Tiling.of(None, weights="gaussian")


def test_an_affine_of_every_tile_is_refused():
    tiled = Tiled(Forward(Local(gives=("affine",))), Layout.evenly(SHAPE, (8, 8, 8), (2, 2, 2), 2))
    batch = {name: np.zeros((1, *SHAPE, 1), np.float32) for name in ("moving", "fixed")}
    with pytest.raises(ConfigError, match="`--tile`: the affine part of this run's network must see whole images"):
        next(tiled(batch, [None]))
