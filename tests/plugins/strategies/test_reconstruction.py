"""What the reconstruction step shows to the objective."""

import numpy as np
import pytest
from keras import ops

from tfregkit_plugins.strategies.reconstruction import Reconstruction

BATCH = {name: np.full((2, 3, 5, 1), value, "float32") for name, value in (("moving", 1.0), ("fixed", 2.0))}
BATCH["moving_others"] = BATCH["moving"] + 5


class Recorder:
    """An objective that keeps what it is given."""

    def __init__(self, *needs):
        self.needs = set(needs)

    def __call__(self, views, fields, lam=None):
        self.views, self.fields = {view.name: view for view in views}, fields
        return {"total": ops.zeros((2,))}


def double(inputs, training=None):
    return {
        "reconstructions": {role: 2 * image for role, image in inputs.items()},
        "features": {role: {"conv1": 3 * image} for role, image in inputs.items()},
    }


def shown(objective, network=double):
    Reconstruction()(BATCH, network=network, objective=objective)
    return objective.views


def test_every_image_and_its_reconstruction():
    views = shown(Recorder())
    assert list(views) == ["moving", "fixed"]
    for role, value in (("moving", 1.0), ("fixed", 2.0)):
        np.testing.assert_array_equal(views[role].fixed, np.full((2, 3, 5, 1), value))
        np.testing.assert_array_equal(views[role].moved, np.full((2, 3, 5, 1), 2 * value))


def test_one_role_alone():
    views = shown(Recorder(), lambda inputs, training=None: {"reconstructions": {"fixed": inputs["fixed"]}})
    assert list(views) == ["fixed"]


def test_scans_one_by_one():
    """With one role the network and the objective see nothing of the other, and batches need not have it."""
    strategy, objective = Reconstruction(roles=["fixed"]), Recorder()
    assert strategy.roles == ("fixed",)
    strategy({"fixed": BATCH["fixed"]}, network=double, objective=objective)
    assert list(objective.views) == ["fixed"]
    with pytest.raises(ValueError, match="`roles` names a role twice"):
        Reconstruction(roles=["fixed", "fixed"])


def test_both_images_with_their_features_where_a_term_asks():
    views = shown(Recorder("features"))
    assert list(views) == ["moving", "fixed", "forward", "backward"]
    backward = views["backward"]
    assert backward.roles == ("moving", "fixed")
    np.testing.assert_array_equal(backward.fixed, BATCH["moving"])
    np.testing.assert_array_equal(backward.moved, BATCH["fixed"])
    np.testing.assert_array_equal(backward.features["fixed"]["conv1"], 3 * BATCH["fixed"])
    np.testing.assert_array_equal(views["forward"].others, BATCH["moving_others"])
