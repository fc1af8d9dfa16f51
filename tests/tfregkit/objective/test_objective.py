"""The weighted sum, with and without lambda."""

import numpy as np
import pytest
from keras import ops

from tfregkit.errors import ConfigError
from tfregkit.objective.base import Regularizer, Similarity
from tfregkit.objective.objective import Objective, View

B, X, Y = 3, 5, 7


class Difference(Similarity):
    """Mean difference, weighted by the mask."""

    def call(self, fixed, moved, mask=None):
        difference = fixed - moved if mask is None else mask * (fixed - moved)
        return ops.mean(difference, axis=(1, 2, 3))


class Size(Regularizer):
    """Mean of the field."""

    def call(self, field):
        return ops.mean(field, axis=(1, 2, 3))


@pytest.fixture
def case():
    rng = np.random.default_rng(3)
    images = {name: rng.random((B, X, Y, 1), dtype="float32") for name in ("fixed", "moved", "other", "mask")}
    fields = {name: rng.random((B, X, Y, 2), dtype="float32") for name in ("displacement", "velocity")}
    return images, fields


def mean(array):
    return array.reshape(B, -1).mean(1)


def objective(**options):
    terms = {"likeness": Difference(), "size": Size(on="velocity")}
    return Objective(terms=terms, weights={"likeness": 2.0, "size": 0.5}, **options)


def test_plain_weights(case):
    images, fields = case
    found = objective()([View(images["fixed"], images["moved"])], fields)
    likeness, size = mean(images["fixed"] - images["moved"]), mean(fields["velocity"])
    assert list(found) == ["likeness", "size", "total"]
    np.testing.assert_allclose(found["likeness"], likeness, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["size"], size, rtol=1e-5)
    np.testing.assert_allclose(found["total"], 2 * likeness + 0.5 * size, rtol=1e-5, atol=1e-6)


def test_mask_reaches_the_similarity_and_views_are_averaged(case):
    images, fields = case
    views = [View(images["fixed"], images["moved"], images["mask"]), View(images["other"], images["fixed"])]
    found = objective()(views, fields)["likeness"]
    first = mean(images["mask"] * (images["fixed"] - images["moved"]))
    np.testing.assert_allclose(found, (first + mean(images["other"] - images["fixed"])) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("lam", "given"), [(0.3, None), ("uniform", [[0.0], [0.25], [1.0]]), (0.3, [[1.0]] * 3)])
def test_lambda_weighs_similarities_against_regularizers(case, lam, given):
    images, fields = case
    given = None if given is None else np.array(given, "float32")
    found = objective(lam=lam, alpha=0.1)([View(images["fixed"], images["moved"])], fields, lam=given)
    weight = 0.3 if given is None else given[:, 0]
    likeness, size = 2 * mean(images["fixed"] - images["moved"]), 0.5 * mean(fields["velocity"])
    np.testing.assert_allclose(found["total"], 0.1 * (1 - weight) * likeness + weight * size, rtol=1e-4, atol=1e-6)


def test_uniform_lambda_must_come_with_the_batch(case):
    images, fields = case
    with pytest.raises(ConfigError, match="`uniform` needs a `lam` in every batch"):
        objective(lam="uniform")([View(images["fixed"], images["moved"])], fields)


def test_a_field_the_network_does_not_give_is_named(case):
    images, fields = case
    del fields["velocity"]
    message = "objective.terms.size: looks at the network's `velocity`.*`displacement`. Take a network that gives it"
    with pytest.raises(ConfigError, match=message):
        objective()([View(images["fixed"], images["moved"])], fields)


class Curious(Difference):
    """Asks for more than the images."""

    needs = ("roles", "noise")

    def call(self, fixed, moved, mask=None, roles=None, noise=None):
        return super().call(fixed, moved) * (2.0 if roles == ("fixed", "moving") else 3.0) + noise[:, 0]


def test_a_similarity_gets_what_it_asks_for(case):
    images, fields = case
    term, noise = Curious(), np.arange(B, dtype="float32")[:, None]
    found = Objective(terms={"a": term, "b": Difference()})
    assert found.needs == {"roles", "noise"}
    view = View(images["fixed"], images["moved"], None, "backward", roles=("moving", "fixed"), noise=noise)
    expected = 3 * mean(images["fixed"] - images["moved"]) + noise[:, 0]
    np.testing.assert_allclose(found([view], fields)["a"], expected, rtol=1e-5)


def test_a_term_chooses_its_views(case):
    images, fields = case
    forward = View(images["fixed"], images["moved"])
    backward = View(images["fixed"], images["other"], None, "backward")
    terms = {"both": Difference(), "one": Difference()}
    found = Objective(terms=terms, views={"one": ["backward"]})([forward, backward], fields)
    np.testing.assert_allclose(found["one"], mean(images["fixed"] - images["other"]), rtol=1e-4)
    expected = mean(images["fixed"] - (images["moved"] + images["other"]) / 2)
    np.testing.assert_allclose(found["both"], expected, rtol=1e-4, atol=1e-6)


def test_a_view_the_strategy_does_not_give_is_named(case):
    images, fields = case
    objective = Objective(terms={"one": Difference()}, views={"one": ["backward"]})
    with pytest.raises(ConfigError, match=r"objective.terms.one.views: .* no view `backward`. It has `forward`"):
        objective([View(images["fixed"], images["moved"])], fields)


class Watching(Difference):
    """Tells its mean beside its value."""

    watches = ("mean",)

    def call(self, fixed, moved, mask=None):
        values = super().call(fixed, moved)
        return values, {"mean": ops.mean(values)}


def test_what_terms_watch_is_beside_the_terms_and_not_in_the_total(case):
    images, fields = case
    views = [View(images["fixed"], images["moved"]), View(images["other"], images["moved"], None, "backward")]
    found = Objective(terms={"a": Watching(), "b": Difference()}, views={"b": ["forward"]})
    assert found.columns == ["a", "a.mean", "b"]
    values = found(views, fields)
    first, second = (mean(images[name] - images["moved"]) for name in ("fixed", "other"))
    np.testing.assert_allclose(values["a"], (first + second) / 2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values["a.mean"], (first + second).mean() / 2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values["total"], (first + second) / 2 + first, rtol=1e-4, atol=1e-6)


class OfFeatures(Difference):
    needs = ("features",)


def test_terms_that_no_change_of_a_field_changes_can_be_left_out():
    terms = {"a": Difference(), "b": OfFeatures(), "c": Size(on="velocity"), "d": Size(on="displacement")}
    whole = Objective(terms=terms, weights={"a": 2.0}, alpha=0.1, lam=0.3, views={"a": ["forward"]})
    left = whole.depending_on({"displacement"})
    assert list(left.terms) == ["a", "d"]
    assert left.terms["a"] is terms["a"]
    assert (left.term_weights["a"], left.alpha, left.lam, left.term_views) == (2.0, 0.1, 0.3, {"a": ["forward"]})


def test_views_on_request_are_seen_by_terms_that_name_them(case):
    images, fields = case
    views = [
        View(images["fixed"], images["moved"]),
        View(images["other"], images["moved"], name="P1", on_request=True),
    ]
    terms = {"all": Difference(), "level": Difference(), "both": Difference()}
    objective = Objective(terms=terms, views={"level": ["P1"], "both": ["forward", "P1"]})
    assert objective.named_views == {"forward", "P1"}
    found = objective(views, fields)
    whole, level = (mean(images[name] - images["moved"]) for name in ("fixed", "other"))
    np.testing.assert_allclose(found["all"], whole, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["level"], level, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["both"], (whole + level) / 2, rtol=1e-4, atol=1e-6)


def test_terms_of_views_that_are_not_there_can_be_left_out():
    terms = {"all": Difference(), "level": Difference(), "both": Difference(), "size": Size(on="velocity.P1")}
    whole = Objective(terms=terms, views={"level": ["P1"], "both": ["forward", "P1"]})
    left = whole.depending_on({"displacement", "velocity"})
    assert list(left.terms) == ["all", "both"]
    assert left.term_views["both"] == ["forward"]
    assert list(whole.depending_on({"displacement"}, ("forward", "P1")).terms) == ["all", "level", "both"]


def test_which_views_some_similarity_looks_at():
    """A strategy that asks need not compute the others."""
    named = Objective(terms={"level": Difference(), "size": Size()}, views={"level": ["P1"]})
    assert [named.looks_at(view) for view in ("P1", "forward")] == [True, False]
    assert Objective(terms={"all": Difference()}).looks_at("forward")
    assert not Objective(terms={"size": Size()}).looks_at("forward")
