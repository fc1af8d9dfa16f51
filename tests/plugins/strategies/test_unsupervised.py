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
