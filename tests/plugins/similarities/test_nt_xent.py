"""CLMorph's contrast over the batch. The loss itself: `tests/tfregkit/ops/test_nt_xent.py`."""

import keras
import numpy as np
import pytest
from features import ROLES, check_gradients, features, maps, plain, value, weights
from keras import ops
from references import contrast

import tfregkit
from tfregkit.errors import ConfigError

SUBJECTS = {"fixed": np.array([[1], [0], [4]]), "moving": np.array([[0], [2], [3]])}


def similarity(**options):
    keras.utils.set_random_seed(1)
    return tfregkit.build("similarity", "nt_xent", **{"width": 5, **options})


def embedded(term, found, level):
    """`(B, 2, width)`: means, linear layer, length 1."""
    sides = [contrast.head(found[r][level].mean((1, 2, 3)), weights(term, r, level)) for r in ROLES]
    return np.stack(sides, axis=1)


@pytest.mark.parametrize("level", ["P0", None])
@pytest.mark.parametrize("subjects", [None, SUBJECTS])
def test_agrees_with_the_definition(level, subjects):
    """Without a `level`, the coarsest map."""
    term, found = similarity(level=level, temperature=0.3), maps()
    values, _ = value(term, features=found, subjects=subjects)
    persons = None if subjects is None else np.concatenate([subjects[role] for role in ROLES], axis=1)
    expected = contrast.nt_xent(embedded(term, found, level or "P1"), 0.3, persons).mean(1)
    np.testing.assert_allclose(values, expected, rtol=1e-4)
    assert values.dtype == np.float32


def test_one_sided_takes_the_moved_image_for_the_anchor_as_equation_8_is_printed():
    term, found = similarity(one_sided=True), maps()
    losses = contrast.nt_xent(embedded_after_a_call(term, found), 0.5)
    for roles, side in ((("fixed", "moving"), 1), (("moving", "fixed"), 0)):
        np.testing.assert_allclose(value(term, features=found, roles=roles)[0], losses[:, side], rtol=1e-4)


def embedded_after_a_call(term, found):
    value(term, features=found)
    return embedded(term, found, "P1")


def test_exchanging_the_images_or_reordering_the_batch_changes_nothing():
    term, found, order = similarity(shared=True), maps(), [2, 0, 1]
    expected, seen = value(term, features=found, subjects=SUBJECTS)
    swapped = {role: found[other] for role, other in zip(ROLES, ROLES[::-1], strict=True)}
    people = {role: SUBJECTS[other] for role, other in zip(ROLES, ROLES[::-1], strict=True)}
    np.testing.assert_allclose(value(term, features=swapped, subjects=people)[0], expected, rtol=1e-5)
    mixed = {role: {level: x[order] for level, x in found[role].items()} for role in ROLES}
    people = {role: SUBJECTS[role][order] for role in ROLES}
    again, seen_again = value(term, features=mixed, subjects=people)
    np.testing.assert_allclose(again, expected[order], rtol=1e-5)
    np.testing.assert_allclose(seen_again["spread"], seen["spread"], rtol=1e-5)


def test_heads_are_one_for_each_image_or_shared():
    for shared, count in ((False, 4), (True, 2)):
        term = similarity(shared=shared)
        value(term, features=maps())
        assert len(term.trainable_variables) == count


def test_same_subject_is_excluded_unless_asked_for():
    assert "subjects" in similarity().needs
    assert "subjects" not in similarity(exclude_same_subject=False).needs


def test_known_values_and_what_is_watched():
    """Equal: log 15 and collapsed. Pairs orthogonal to each other: log(1 + 14 e^-2) and spread."""
    equal, apart = np.ones((8, 1, 8)), np.eye(8)[:, None]
    for rows, expected, spread in ((equal, np.log(15), 0), (apart, np.log(1 + 14 * np.exp(-2)), 1)):
        found = features(rows, rows)
        term = plain(similarity(width=8), features=found)
        values, seen = value(term, features=found)
        np.testing.assert_allclose(values, expected, rtol=1e-5)
        np.testing.assert_allclose(seen["spread"], spread, atol=1e-3)


def test_roles_that_have_collapsed_each_to_its_own_vector_are_seen():
    rows = np.ones((4, 1, 6))
    found = features(rows, -rows)
    _, seen = value(plain(similarity(width=6), features=found), features=found)
    np.testing.assert_allclose(seen["spread"], 0, atol=1e-3)


def test_a_single_pair_is_nothing_and_has_no_slope():
    found, term = maps(items=1), similarity()
    values, seen = value(term, features=found)
    np.testing.assert_allclose(values, 0, atol=1e-6)
    assert seen["spread"] == 0


def test_gradient_of_both_images_features_agrees_with_differences():
    term, found = similarity(), maps()
    value(term, features=found)
    check_gradients(term, [found[role]["P1"] for role in ROLES], subjects=SUBJECTS)


def test_half_precision_features_have_float32_statistics():
    term, found = similarity(), maps()
    half = {role: {level: ops.cast(x, "bfloat16") for level, x in found[role].items()} for role in ROLES}
    rounded = {
        role: {level: ops.convert_to_numpy(ops.cast(x, "float32")) for level, x in half[role].items()} for role in ROLES
    }
    np.testing.assert_allclose(value(term, features=half)[0], value(term, features=rounded)[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "items", "replicas", "message"),
    [
        ({}, 1, 1, r"in a batch of 1 there are none: the term would always be 0. Raise trainer.batch_size \("),
        ({}, 4, 4, r"batch of 1 on each of 4 devices .* Set `across_replicas: true`, or raise .* to at least 8"),
        ({"across_replicas": True}, 1, 1, "batch of 1 there are none"),
    ],
)
def test_batches_without_negatives_are_refused(options, items, replicas, message):
    with pytest.raises(ConfigError, match=message):
        similarity(**options).check_batch(items, replicas)


def test_batches_with_negatives_are_taken():
    similarity().check_batch(2, 1)
    similarity().check_batch(4, 2)
    similarity(across_replicas=True).check_batch(4, 4)


def test_what_the_network_does_not_give_is_named():
    with pytest.raises(ConfigError, match="`nt_xent` looks at the network's features of both images.* gives none"):
        value(similarity())
    with pytest.raises(ConfigError, match="`level`: this network has no `P7`. It has `P0`, `P1`"):
        value(similarity(level="P7"), features=maps())
