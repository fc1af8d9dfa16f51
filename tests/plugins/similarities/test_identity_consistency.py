"""MixCL's identity loss. The correlation itself: `tests/tfregkit/ops/test_cross_correlation.py`."""

import keras
import numpy as np
import pytest
from backends import gradients
from features import IMAGE, maps
from keras import ops
from references import mixcl

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit_plugins.networks.projector import Projector

IMAGES = np.repeat(IMAGE, 3, axis=0)
ROLES = ("fixed", "moving")


def value(term, features, **options):
    found = term(IMAGES, IMAGES, features=features, roles=ROLES, **options)
    return keras.tree.map_structure(ops.convert_to_numpy, found)


def rows(x):
    return x.reshape(-1, x.shape[-1])


@pytest.mark.parametrize(("center", "balance"), [(True, 5e-3), (False, 0.2)])
def test_agrees_with_equation_4_summed_over_levels(center, balance):
    term, found = tfregkit.build("similarity", "identity_consistency", center=center, balance=balance), maps()
    values, _ = value(term, found)
    levels = [(rows(found["fixed"][level]), rows(found["moving"][level])) for level in ("P0", "P1")]
    np.testing.assert_allclose(values, np.full(3, mixcl.identity_loss(levels, balance, center)), rtol=1e-4)
    assert values.dtype == np.float32


def test_what_is_watched():
    term, found = tfregkit.build("similarity", "identity_consistency"), maps()
    _, seen = value(term, found)
    matrices = [mixcl.cross_correlation(*(rows(found[role][level]) for role in ROLES)) for level in ("P0", "P1")]
    off = [np.sqrt((m[~np.eye(len(m), dtype=bool)] ** 2).mean()) for m in matrices]
    np.testing.assert_allclose(seen["diagonal"], np.mean([np.diag(m).mean() for m in matrices]), atol=1e-5)
    np.testing.assert_allclose(seen["off_diagonal"], np.mean(off), atol=1e-5)
    same = value(term, {role: found["fixed"] for role in ROLES})[1]
    np.testing.assert_allclose(same["diagonal"], 1, rtol=1e-5)


def test_the_roles_say_whose_features_are_compared():
    term, found = tfregkit.build("similarity", "identity_consistency"), maps()
    named = {"fixed_view": found["fixed"], "fixed_second_view": found["moving"], "moving_view": {}}
    again, _ = term(IMAGES, IMAGES, features=named, roles=("fixed_view", "fixed_second_view"))
    np.testing.assert_array_equal(ops.convert_to_numpy(again), value(term, found)[0])


def test_gradient_reaches_both_views():
    term, found = tfregkit.build("similarity", "identity_consistency"), maps()

    def total(first, second):
        features = {"fixed": {"P1": first}, "moving": {"P1": second}}
        return ops.mean(term(IMAGES, IMAGES, features=features, roles=ROLES)[0])

    sides = [found[role]["P1"] for role in ROLES]
    for i, slope in enumerate(gradients(total, *sides)):
        step = [x - 20 * slope if i == k else x for k, x in enumerate(sides)]
        assert float(total(*step)) < float(total(*sides))


def test_a_projectors_embeddings_leave_twice_its_channels():
    """They are of rank c, so that the squares of the 2 c x 2 c correlations sum up to 4 c at least."""
    term, projector = tfregkit.build("similarity", "identity_consistency"), Projector()
    hidden = np.random.default_rng(5).standard_normal((1, 7, 11, 13, 5)).astype("float32")
    floor = 2 * 5 * 5e-3
    embedded = projector(hidden)
    assert float(value(term, {role: {"P0": embedded} for role in ROLES})[0][0]) > floor
    centred = rows(hidden) - rows(hidden).mean(0)
    white = (centred @ np.linalg.inv(np.linalg.cholesky(centred.T @ centred)).T).reshape(hidden.shape)
    twice = {role: {"P0": np.concatenate([white, white], -1)} for role in ROLES}
    np.testing.assert_allclose(value(term, twice)[0], floor, rtol=1e-4)


def test_it_says_where_the_embeddings_come_from():
    term = tfregkit.build("similarity", "identity_consistency")
    with pytest.raises(ConfigError, match="looks at the network's embeddings.* `mixcl` has them"):
        value(term, None)
