"""BYOL's prediction of a slow copy."""

import keras
import numpy as np
import pytest
from backends import gradients
from features import IMAGE, ROLES, features, maps, value
from keras import ops
from references import contrast

import tfregkit
from tfregkit.api import Target
from tfregkit.errors import ConfigError


def similarity(**options):
    keras.utils.set_random_seed(1)
    return tfregkit.build("similarity", "byol", **{"width": 5, "hidden": 7, **options})


def arrays(layers):
    return [(ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(layer.bias)) for layer in layers]


def projected(term, found, role):
    ((kernel, bias),) = arrays(term.embedding.heads.heads[f"{role}_P1"])
    return found[role]["P1"].astype(float).mean((1, 2, 3)) @ kernel + bias


def test_agrees_with_the_definition():
    term, online, slow = similarity(), maps(seed=1), maps(seed=2)
    values, _ = value(term, features=online, target=Target(slow, ops.convert_to_tensor(0.0)))
    expected = 0
    for a, b in (("moving", "fixed"), ("fixed", "moving")):
        predicted = contrast.head(projected(term, online, a), arrays(term.predictor))
        aim = contrast.head(projected(term, slow, b), [])
        expected = expected + 2 - 2 * (predicted * aim).sum(-1)
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def known(moving, fixed, slow_moving, slow_fixed):
    """The value where projector and predictor change nothing: relu(z) - relu(-z) = z."""
    size = moving.shape[-1]
    term = similarity(width=size, hidden=2 * size)
    target = Target(features(slow_fixed, slow_moving), ops.convert_to_tensor(0.0))
    value(term, features=features(fixed, moving), target=target)
    first, second = term.predictor
    first.kernel.assign(np.hstack([np.eye(size), -np.eye(size)]))
    second.kernel.assign(np.vstack([np.eye(size), -np.eye(size)]))
    for layer in (h for layers in term.embedding.heads.heads.values() for h in layers):
        layer.kernel.assign(np.eye(size))
    return value(term, features=features(fixed, moving), target=target)[0]


def test_identical_is_nothing_and_opposite_four_in_each_direction():
    x, y = np.random.default_rng(3).normal(size=(2, 2, 1, 3))
    np.testing.assert_allclose(known(x, y, slow_moving=y, slow_fixed=x), 0, atol=1e-6)
    np.testing.assert_allclose(known(x, y, slow_moving=-y, slow_fixed=x), 4, rtol=1e-6)
    np.testing.assert_allclose(known(x, y, slow_moving=-y, slow_fixed=-x), 8, rtol=1e-6)


def test_no_gradient_reaches_the_target_and_one_reaches_the_online_features():
    term, online, slow = similarity(), maps(seed=1), maps(seed=2)
    value(term, features=online, target=Target(slow, ops.convert_to_tensor(0.0)))
    given = [found[role]["P1"] for found in (online, slow) for role in ROLES]

    def total(*maps_given):
        first, second = (
            {role: {"P1": x} for role, x in zip(ROLES, maps_given[i : i + 2], strict=True)} for i in (0, 2)
        )
        return ops.sum(term(IMAGE, IMAGE, features=first, target=Target(second, None))[0])

    slopes = gradients(total, *given)
    assert all(np.abs(slope).max() > 1e-4 for slope in slopes[:2])
    for slope in slopes[2:]:
        np.testing.assert_array_equal(slope, 0)


def test_the_averaged_projector_is_not_trained_and_the_predictor_is():
    term = similarity()
    value(term, features=maps(), target=Target(maps(), ops.convert_to_tensor(0.0)))
    assert len(term.trainable_variables) == 2 * 2 + 2 * 2  # a projector per role, two layers of the predictor
    assert len(term.average.variables) == 4
    assert {id(v) for v in term.average.variables} <= {id(v) for v in term.non_trainable_variables}


def test_the_projectors_average_follows_by_the_strategys_decay():
    term, online = similarity(), maps()
    value(term, features=online, target=Target(online, ops.convert_to_tensor(0.0)))
    heads = [v for v in term.embedding.variables]
    start = [ops.convert_to_numpy(v) for v in heads]
    for average, first in zip(term.average.averages, start, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(average), first)
    for variable in heads:
        variable.assign(variable + 1.0)
    value(term, features=online, target=Target(online, None))
    np.testing.assert_array_equal(ops.convert_to_numpy(term.average.averages[0]), start[0])
    value(term, features=online, target=Target(online, ops.convert_to_tensor(0.75)))
    np.testing.assert_allclose(ops.convert_to_numpy(term.average.averages[0]), start[0] + 0.25, rtol=1e-6)


def test_works_with_single_pairs_and_watches_their_spread_from_batch_to_batch():
    term, last = similarity(), None
    for seed in range(3):
        found = maps(items=1, seed=seed)
        values, seen = value(term, features=found, target=Target(found, ops.convert_to_tensor(0.0)))
        assert values.shape == (1,)
        now = np.stack([contrast.head(projected(term, found, role), []) for role in ROLES])
        expected = 0 if last is None else np.mean(np.linalg.norm(now - last, axis=-1) / np.sqrt(2))
        np.testing.assert_allclose(seen["spread"], expected, rtol=1e-3, atol=1e-6)
        last = now


def test_spread_of_a_batch_counts_the_last_pair_before_it():
    term = similarity()
    first, second = maps(items=2, seed=4), maps(items=3, seed=5)
    _, alone = value(term, features=first, target=Target(first, ops.convert_to_tensor(0.0)))
    _, seen = value(term, features=second, target=Target(second, None))
    _, again = value(term, features=second, target=Target(second, ops.convert_to_tensor(0.5)))
    assert seen["spread"] == again["spread"]  # outside training nothing is remembered
    expected = []
    for role in ROLES:
        rows = np.concatenate([projected(term, first, role)[-1:], projected(term, second, role)])
        rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
        expected.append(np.sqrt(rows.var(axis=0, ddof=1).sum()))
    assert seen["spread"] == pytest.approx(np.mean(expected), rel=1e-4)
    assert alone["spread"] > 0


def test_collapsed_features_have_no_spread():
    rows = np.ones((2, 1, 4))
    term, found = similarity(), features(rows, rows)
    for _ in range(2):
        _, seen = value(term, features=found, target=Target(found, ops.convert_to_tensor(0.0)))
    np.testing.assert_allclose(seen["spread"], 0, atol=1e-3)


def test_without_a_slow_copy_the_strategy_is_named():
    with pytest.raises(ConfigError, match="`byol` predicts what a slow copy .* `strategy: momentum`"):
        value(similarity(), features=maps())


def test_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        term = similarity()
        values, _ = value(term, features=maps(), target=Target(maps(seed=1), ops.convert_to_tensor(0.0)))
    finally:
        keras.config.set_dtype_policy("float32")
    assert values.dtype == np.float32
    assert {v.dtype for v in term.variables} == {"float32"}
