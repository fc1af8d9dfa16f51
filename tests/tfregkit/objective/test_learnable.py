"""Numbers of an objective that become variables."""

import numpy as np
import pytest
from backends import gradients
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.objective.objective import Objective
from tfregkit.objective.view import View


def objective(**options):
    terms = {
        "likeness": tfregkit.build("similarity", "mse", sigma=2.0),
        "sharp": tfregkit.build("similarity", "ncc", window=3),
        "edges": tfregkit.build("similarity", "ngf"),
        "smooth": tfregkit.build("regularizer", "diffusion"),
    }
    return Objective(terms=terms, weights={"smooth": 0.3, "sharp": 0.0}, **options)


def images():
    rng = np.random.default_rng(3)
    fixed, moved = (ops.convert_to_tensor(rng.random((2, 5, 7, 1), dtype="float32")) for _ in range(2))
    return [View(fixed, moved)], {"displacement": ops.convert_to_tensor(rng.random((2, 5, 7, 2), dtype="float32"))}


def values(made, **options):
    return {name: ops.convert_to_numpy(value) for name, value in made(*images(), **options).items()}


@pytest.mark.parametrize("lam", [None, 0.25])
def test_it_counts_with_the_variables_value(lam):
    plain, learning = objective(lam=lam), objective(lam=lam)
    weight, sigma = learning.learn("smooth"), learning.learn("likeness.sigma")
    np.testing.assert_allclose(values(learning)["total"], values(plain)["total"], rtol=1e-6)
    weight.assign(0.9)
    sigma.assign(1.0)
    seen, before = values(learning), values(plain)
    np.testing.assert_allclose(seen["likeness"], 4 * before["likeness"], rtol=1e-6)
    factor = {None: (1, 0.9), 0.25: (0.75, 0.25 * 0.9)}[lam]
    rest = factor[0] * seen["edges"]
    expected = factor[0] * seen["likeness"] + rest + factor[1] * seen["smooth"]
    np.testing.assert_allclose(seen["total"], expected, rtol=1e-6)


def test_it_is_logged_and_no_optimiser_sees_it():
    made = objective()
    made.learn("smooth.weight")
    made.learn("likeness.sigma")
    assert list(made.learned) == ["smooth.weight", "likeness.sigma"]
    assert made.columns == ["likeness", "sharp", "edges", "smooth", "smooth.weight", "likeness.sigma"]
    assert made.initial == {"smooth.weight": 0.3, "likeness.sigma": 2.0}
    assert values(made)["likeness.sigma"] == 2.0
    assert made.trainable_variables == []
    assert {v.path for v in made.variables} == {"objective/smooth_weight", "objective/likeness_sigma"}
    assert not made.terms["likeness"].weights


def test_what_depends_on_the_field_keeps_the_variable():
    made = objective()
    made.learn("smooth").assign(0.9)
    rest = made.depending_on(["displacement"])
    np.testing.assert_allclose(values(rest)["total"], values(made)["total"], rtol=1e-6)


def test_the_loss_is_differentiable_in_it():
    """`d total / d sigma = -2 mse / sigma`, with the variable replaced as strategies do."""
    import keras

    made = objective()
    sigma = made.learn("likeness.sigma")
    likeness = values(made)["likeness"].sum()

    def total(value):
        with keras.StatelessScope([(sigma, value)]):
            return ops.sum(made(*images())["total"])

    (slope,) = gradients(total, np.float32(2.0))
    np.testing.assert_allclose(slope, -likeness, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "smoth",
            r"`smoth` is no hyper-parameter of the objective. Did you mean `smooth`\? Name a term for its weight",
        ),
        ("smoth.weight", "`smoth.weight` is no hyper-parameter .* Did you mean `smooth`"),
        (
            "likeness.sigm",
            r"`MSE` has no parameter `sigm`. Did you mean `sigma`\? Of this term can be learned: sigma, weight",
        ),
        ("sharp.window", "`NCC` is not differentiable in `window`, which is 3. .* can be learned: epsilon, weight"),
        ("edges.epsilon", "`NGF` is not differentiable in `epsilon`, which is 'auto'. .* can be learned: weight"),
        ("sharp", "`sharp` begins with 0, and what is learned is positive"),
        ("smooth", "`smooth` is named twice"),
    ],
)
def test_what_cannot_be_learned_is_named(name, message):
    made = objective()
    made.learn("smooth.weight")
    with pytest.raises(ConfigError, match=message):
        made.learn(name)
