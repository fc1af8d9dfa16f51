"""What the unsupervised step shows to the objective."""

import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.objective.objective import Objective
from tfregkit_plugins.strategies.unsupervised import Unsupervised

B, X, Y = 2, 7, 11


class Recorder:
    """An objective that keeps what it is given."""

    def __init__(self, mask="none", views=()):
        self.mask, self.named_views = mask, set(views)

    def __call__(self, views, fields, lam=None):
        self.views, self.fields, self.lam = views, fields, lam
        return {"total": ops.zeros((B,))}


def shifted(inputs, training=None):
    """One voxel along the first axis, and back."""
    field = np.zeros((B, X, Y, 2), "float32")
    field[..., 0] = 1.0
    return {"displacement": ops.convert_to_tensor(field), "inverse": ops.convert_to_tensor(-field)}


def one_way(inputs, training=None):
    return {"displacement": shifted(inputs)["displacement"]}


@pytest.fixture
def batch():
    rng = np.random.default_rng(7)
    names = ("moving", "fixed", "moving_mask", "fixed_mask")
    return {name: ops.convert_to_tensor(rng.random((B, X, Y, 1), dtype="float32")) for name in names}


def run(batch, objective, network=shifted, **options):
    Unsupervised(**options)(batch, network=network, objective=objective, training=True)
    return [[None if item is None else ops.convert_to_numpy(item) for item in view[:3]] for view in objective.views]


def pulled(batch, name, step):
    """`image(p + step)` with the edge repeated."""
    image = ops.convert_to_numpy(batch[name])
    return image[:, np.clip(np.arange(X) + step, 0, X - 1)]


def test_moving_is_pulled_onto_fixed(batch):
    ((fixed, moved, mask),) = run(batch, Recorder())
    np.testing.assert_array_equal(fixed, ops.convert_to_numpy(batch["fixed"]))
    np.testing.assert_allclose(moved, pulled(batch, "moving", 1), atol=1e-6)
    assert mask is None


def test_symmetric_shows_both_directions(batch):
    views = run(batch, Recorder(), symmetric=True)
    np.testing.assert_allclose(views[1][0], ops.convert_to_numpy(batch["moving"]))
    np.testing.assert_allclose(views[1][1], pulled(batch, "fixed", -1), atol=1e-6)


def test_symmetric_needs_an_inverse(batch):
    with pytest.raises(ConfigError, match="strategy.symmetric: this network gives no inverse"):
        run(
            batch,
            Recorder(),
            lambda inputs, training: {"displacement": shifted(inputs)["displacement"]},
            symmetric=True,
        )


def test_masks(batch):
    ((_, _, fixed_mask),) = run(batch, Recorder("fixed"))
    np.testing.assert_array_equal(fixed_mask, ops.convert_to_numpy(batch["fixed_mask"]))
    ((_, _, union),) = run(batch, Recorder("union"))
    np.testing.assert_allclose(union, np.maximum(fixed_mask, pulled(batch, "moving_mask", 1)), atol=1e-6)


def test_a_missing_mask_is_named(batch):
    del batch["moving_mask"]
    with pytest.raises(ConfigError, match="objective.mask: `union` needs a mask of every moving image"):
        run(batch, Recorder("union"))


def test_lambda_reaches_network_and_objective(batch):
    seen = {}

    def network(inputs, training=None):
        seen.update(inputs)
        return shifted(inputs)

    objective = Recorder()
    batch["lam"] = ops.convert_to_tensor(np.full((B, 1), 0.25, "float32"))
    run(batch, objective, network)
    assert set(seen) == {"moving", "fixed", "lam"}
    np.testing.assert_array_equal(ops.convert_to_numpy(objective.lam), 0.25)


def test_regularizers_may_look_at_all_fields_and_the_network_gets_the_noise(batch):
    seen = {}

    def network(inputs, training=None):
        seen.update(inputs)
        given = {"velocity": 2, "posterior": 3, "features": None}
        return {**shifted(inputs), **{name: ops.full((B, X, Y, 4), value or 0) for name, value in given.items()}}

    objective = Recorder()
    run({**batch, "noise": ops.ones((B, 5))}, objective, network)
    assert set(objective.fields) == {"displacement", "inverse", "velocity", "posterior"}
    np.testing.assert_array_equal(ops.convert_to_numpy(objective.fields["inverse"])[..., 0], -1)
    np.testing.assert_array_equal(ops.convert_to_numpy(objective.fields["posterior"]), 3)
    assert set(seen) == {"moving", "fixed", "noise"}


def test_pc_swinmorph_eq_3_smooths_both_fields(batch):
    """Printed twice with z_yx; both fields count, each once."""
    rng = np.random.default_rng(3)
    fields = {name: rng.normal(size=(B, X, Y, 2)).astype("float32") for name in ("displacement", "inverse")}

    def both_ways(inputs, training=None):
        return {name: ops.convert_to_tensor(field) for name, field in fields.items()}

    diffusion = {name: tfregkit.build("regularizer", "diffusion", on=name) for name in fields}
    found = Unsupervised(symmetric=True)(batch, network=both_ways, objective=Objective(terms=diffusion), training=True)
    each = [ops.convert_to_numpy(tfregkit.build("regularizer", "diffusion")(field)) for field in fields.values()]
    np.testing.assert_allclose(ops.convert_to_numpy(found["total"]), each[0] + each[1], rtol=1e-5)
    assert np.abs(each[0] - each[1]).min() > 1e-3


def test_views_say_what_they_are(batch):
    objective, extra = Recorder(), ops.ones((B, 5))
    Unsupervised(symmetric=True)(
        {**batch, "noise": extra, "moving_others": batch["moving"]}, network=shifted, objective=objective
    )
    forward, backward = objective.views
    assert (forward.name, forward.roles) == ("forward", ("fixed", "moving"))
    assert (backward.name, backward.roles) == ("backward", ("moving", "fixed"))
    assert forward.noise is not None
    assert backward.noise is not None
    assert forward.others is not None
    assert backward.others is None  # others have the role of what was moved
    assert (forward.features, forward.subjects, forward.target) == (None, None, None)


def test_features_and_subjects_reach_the_views(batch):
    objective, features = Recorder(), {"moving": {"P0": 1}, "fixed": {"P0": 2}}
    numbers = {f"{role}_subject": ops.ones((B, 1), "int32") for role in ("moving", "fixed")}

    def network(inputs, training=None):
        return {**shifted(inputs), "features": features}

    Unsupervised(symmetric=True)({**batch, **numbers}, network=network, objective=objective)
    for view in objective.views:
        assert view.features is features
        assert view.subjects["moving"] is numbers["moving_subject"]
        assert set(view.subjects) == {"moving", "fixed"}


def of_levels(inputs, training=None):
    """Beside the whole field those of a level of half the size, which moves by one of its own voxels along y."""
    shape = (B, 4, 6, 2)
    fields = {name: np.full(shape, value, "float32") for name, value in (("update", 0.2), ("velocity", 0.3))}
    fields["displacement"] = np.stack([np.zeros(shape[:3]), np.ones(shape[:3])], -1).astype("float32")
    levels = {"P1": {name: ops.convert_to_tensor(field) for name, field in fields.items()}}
    return {**one_way(inputs), "levels": levels, "latent": {"P1": ops.full((B, 4, 6, 12), 0.4)}}


def resized(image):
    """On a grid of 4 x 6, first and last voxels on each other, in float64."""
    rows, columns = np.linspace(0, X - 1, 4), np.linspace(0, Y - 1, 6)
    along = np.stack([[np.interp(columns, np.arange(Y), row) for row in item] for item in image[..., 0].astype(float)])
    return np.stack([[np.interp(rows, np.arange(X), column) for column in item.T] for item in along]).swapaxes(1, 2)


def test_a_level_is_seen_by_terms_that_ask_for_it(batch):
    """Both images resized, their intensities as they were, the moving one warped by the level's displacement."""
    objective = Recorder("union", views=["P1", "forward"])
    run(batch, objective, of_levels)
    forward, level = objective.views
    assert (forward.name, forward.on_request, level.name, level.on_request) == ("forward", False, "P1", True)
    fixed, moved, mask = (ops.convert_to_numpy(item)[..., 0] for item in level[:3])
    beside = [1, 2, 3, 4, 5, 5]
    np.testing.assert_allclose(fixed, resized(ops.convert_to_numpy(batch["fixed"])), atol=1e-5)
    np.testing.assert_allclose(moved, resized(ops.convert_to_numpy(batch["moving"]))[..., beside], atol=1e-5)
    masks = [resized(ops.convert_to_numpy(batch[f"{role}_mask"])) for role in ("fixed", "moving")]
    np.testing.assert_allclose(mask, np.maximum(masks[0], masks[1][..., beside]), atol=1e-5)
    assert level.roles == ("fixed", "moving")


def test_levels_that_nobody_asks_for_are_not_made(batch):
    objective = Recorder()
    run(batch, objective, of_levels)
    assert [view.name for view in objective.views] == ["forward"]


def test_regularizers_may_look_at_the_fields_of_levels(batch):
    objective = Recorder()
    run(batch, objective, of_levels)
    found = {name: float(ops.convert_to_numpy(field).mean()) for name, field in objective.fields.items()}
    assert found == pytest.approx(
        {"displacement": 0.5, "update.P1": 0.2, "velocity.P1": 0.3, "displacement.P1": 0.5, "latent.P1": 0.4}
    )


def test_a_level_that_the_network_lacks_is_named(batch):
    terms = {"likeness": tfregkit.build("similarity", "mse")}
    objective = Objective(terms=terms, views={"likeness": ["P2"]})
    with pytest.raises(ConfigError, match="objective.terms.likeness.views: the strategy has no view `P2`"):
        run(batch, objective, of_levels)
    smoothness = {"smoothness": tfregkit.build("regularizer", "diffusion", on="velocity.P2")}
    with pytest.raises(
        ConfigError, match="looks at the network's `velocity.P2`, but this network gives only .*`velocity.P1`"
    ):
        run(batch, Objective(terms=smoothness), of_levels)


@pytest.mark.parametrize("name", ["velocty.P2", "velocity.p2", "velocity.P22", "inverse.P1"])
def test_fields_that_no_network_gives_are_refused_where_they_are_written(name):
    with pytest.raises(ConfigError, match="Received: on="):
        tfregkit.build("regularizer", "diffusion", on=name)
