"""What `refine` starts from is what the network gave, whatever kind of field that is."""

import numpy as np
import pytest

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.inference.refine import refine
from tfregkit.objective.objective import Objective
from tfregkit.ops import (
    affine_to_displacement,
    compose,
    compose_affine,
    integrate,
    invert_affine,
    resize_field,
    warp,
)
from tfregkit.testing.common import array, field, image

SHAPE, COARSE = (11, 13, 17), (6, 7, 9)


@pytest.mark.parametrize("kind", ["displacement", "stationary velocity", "velocity that is the displacement"])
def test_the_first_loss_is_that_of_the_networks_own_field(kind):
    moving, fixed = image(SHAPE, 1, batch=1), image(SHAPE, 2, batch=1)
    given = field(SHAPE if kind == "displacement" else COARSE, 3, size=4.0, batch=1)
    displacement = array(resize_field(integrate(given) if kind.startswith("stationary") else given, SHAPE))
    outputs = {"displacement": displacement}
    if kind != "displacement":
        outputs["velocity"] = given
    if kind.startswith("stationary"):
        outputs["inverse"] = array(resize_field(integrate(-given), SHAPE))
    seen = []
    objective = Objective(terms={"likeness": tfregkit.build("similarity", "mse")})
    refined = refine(outputs, moving, fixed, objective, 2, report=lambda step, steps, loss: seen.append(loss))
    expected = np.mean((fixed - array(warp(moving, displacement))) ** 2)
    np.testing.assert_allclose(seen[0], expected, rtol=1e-4)
    assert seen[1] < seen[0]
    assert refined.keys() == outputs.keys()
    assert all(refined[name].shape == outputs[name].shape for name in outputs)


def test_an_inverse_of_its_own_is_optimised_with_the_displacement():
    """Of a network that predicts both ways: the objective sees both views and both fields."""
    moving, fixed = image(SHAPE, 1, batch=1), image(SHAPE, 2, batch=1)
    outputs = {"displacement": field(SHAPE, 3, size=2.0, batch=1), "inverse": field(SHAPE, 4, size=3.0, batch=1)}
    terms = {
        "likeness": tfregkit.build("similarity", "mse"),
        "back": tfregkit.build("similarity", "mse"),
        "smooth": tfregkit.build("regularizer", "diffusion", on="inverse"),
    }
    seen = []
    objective = Objective(terms=terms, views={"back": ["backward"]}, weights={"back": 3.0, "smooth": 0.1})
    refined = refine(outputs, moving, fixed, objective, 3, report=lambda step, steps, loss: seen.append(loss))
    there = np.mean((fixed - array(warp(moving, outputs["displacement"]))) ** 2)
    back = np.mean((moving - array(warp(fixed, outputs["inverse"]))) ** 2)
    rough = float(tfregkit.build("regularizer", "diffusion")(outputs["inverse"])[0])
    np.testing.assert_allclose(seen[0], (there + back) / 2 + 3 * back + 0.1 * rough, rtol=1e-4)
    assert seen[-1] < seen[0]
    assert refined.keys() == outputs.keys()
    for name, start in outputs.items():
        assert 1e-3 < np.abs(refined[name] - start).max() < 0.5


@pytest.mark.parametrize("shape", [SHAPE, COARSE])
def test_terms_of_the_posterior_see_the_field_as_its_mean(shape):
    """At the mean the network gave (the displacement at inference), and with its variances throughout."""
    moving, fixed = image(SHAPE, 1, batch=1), image(SHAPE, 2, batch=1)
    log_variance = field(SHAPE, 5, size=2.0, batch=1)
    outputs = {"velocity": field(shape, 3, size=2.0, batch=1)}
    outputs["displacement"] = array(resize_field(outputs["velocity"], SHAPE))
    outputs["posterior"] = np.concatenate([outputs["displacement"], log_variance], -1)
    kl, seen = tfregkit.build("regularizer", "kl", convention="clmorph"), []
    refined = refine(outputs, moving, fixed, Objective(terms={"kl": kl}), 40, report=lambda *at: seen.append(at[2]))
    np.testing.assert_allclose(seen[0], kl(outputs["posterior"])[0], rtol=1e-4)
    least = float(kl(np.concatenate([np.zeros_like(log_variance), log_variance], -1))[0])
    assert least < seen[-1] < least + 0.3 * (seen[0] - least)
    assert np.abs(refined["displacement"]).mean() < 0.5 * np.abs(outputs["displacement"]).mean()
    assert refined.keys() == {"velocity", "displacement"}


def test_an_objective_that_no_field_changes_is_refused():
    moving, fixed = image(SHAPE, 1, batch=1), image(SHAPE, 2, batch=1)
    objective = Objective(terms={"smooth": tfregkit.build("regularizer", "diffusion", on="inverse")})
    with pytest.raises(ConfigError, match="`refine`: no term of the run's objective depends on the field"):
        refine({"displacement": field(SHAPE, 3, batch=1)}, moving, fixed, objective, 2)


def affine_of():
    """A turned and shifted grid, `(1, 3, 4)`."""
    linear = np.eye(3) + np.random.default_rng(6).normal(size=(3, 3)) / 12
    return np.concatenate([linear, [[1.5], [-2.0], [0.5]]], 1)[None].astype("float32")


@pytest.mark.parametrize("kind", ["stationary velocity", "velocity that is the displacement", "two fields"])
def test_the_affine_stays_and_the_deformation_is_optimised(kind):
    moving, fixed, affine = image(SHAPE, 1, batch=1), image(SHAPE, 2, batch=1), affine_of()
    given = field(COARSE, 3, size=3.0, batch=1)
    deformation = array(resize_field(integrate(given) if kind.startswith("stationary") else given, SHAPE))
    outputs = {"affine": affine, "deformation": deformation}
    outputs["displacement"] = array(compose_affine(affine, deformation))
    if kind != "two fields":
        outputs["velocity"] = given
    if kind != "velocity that is the displacement":
        back = array(resize_field(integrate(-given), SHAPE))
        outputs["inverse"] = array(compose(back, affine_to_displacement(invert_affine(affine), SHAPE)))
    terms = {
        "likeness": tfregkit.build("similarity", "mse"),
        "smooth": tfregkit.build("regularizer", "diffusion", on="deformation"),
        "turned": tfregkit.build("regularizer", "orthogonality"),  # of what does not change: left out
    }
    seen, views = [], {"likeness": ["forward"]}
    objective = Objective(terms=terms, views=views, weights={"smooth": 0.1, "turned": 100.0})
    refined = refine(outputs, moving, fixed, objective, 3, report=lambda *at: seen.append(at[2]))
    unlike = np.mean((fixed - array(warp(moving, outputs["displacement"]))) ** 2)
    rough = float(tfregkit.build("regularizer", "diffusion")(deformation)[0])
    np.testing.assert_allclose(seen[0], unlike + 0.1 * rough, rtol=1e-3)
    assert seen[-1] < seen[0]
    assert refined.keys() == outputs.keys()
    np.testing.assert_array_equal(refined["affine"], affine)
    expected = array(compose_affine(affine, refined["deformation"]))
    np.testing.assert_allclose(refined["displacement"], expected, atol=1e-4)
    assert np.abs(refined["deformation"] - deformation).max() > 1e-3
    if kind == "stationary velocity":
        back = array(resize_field(integrate(-refined["velocity"]), SHAPE))
        there = affine_to_displacement(invert_affine(affine), SHAPE)
        np.testing.assert_allclose(refined["inverse"], array(compose(back, there)), atol=1e-4)


def test_the_posterior_is_of_the_deformation():
    moving, fixed, affine = image(SHAPE, 1, batch=1), image(SHAPE, 2, batch=1), affine_of()
    deformation, log_variance = field(SHAPE, 3, size=2.0, batch=1), field(SHAPE, 5, size=2.0, batch=1)
    outputs = {
        "affine": affine,
        "deformation": deformation,
        "posterior": np.concatenate([deformation, log_variance], -1),
    }
    outputs["displacement"] = array(compose_affine(affine, deformation))
    kl, seen = tfregkit.build("regularizer", "kl", convention="clmorph"), []
    refine(outputs, moving, fixed, Objective(terms={"kl": kl}), 1, report=lambda *at: seen.append(at[2]))
    np.testing.assert_allclose(seen[0], kl(outputs["posterior"])[0], rtol=1e-4)


def test_of_an_affine_network_the_twelve_numbers_are_optimised():
    """A blob two voxels off: found by its shift, and everything else stays an affine."""
    places = np.indices((16, 18, 20))
    distances = [
        sum(((p - c) / w) ** 2 for p, c, w in zip(places, at, (2, 4, 7), strict=True))
        for at in ((8, 9, 10), (8, 11, 10))
    ]
    blob = [np.exp(-squared)[None, ..., None].astype("float32") for squared in distances]
    matrix = np.eye(3, 4, dtype=np.float32)[None]
    nothing = np.zeros((1, 16, 18, 20, 3), np.float32)
    outputs = {"affine": matrix, "displacement": nothing, "inverse": nothing}
    terms = {"likeness": tfregkit.build("similarity", "mse"), "turned": tfregkit.build("regularizer", "orthogonality")}
    objective = Objective(terms=terms, weights={"turned": 0.01})
    refined = refine(outputs, blob[1], blob[0], objective, 80)
    np.testing.assert_allclose(refined["affine"][0, :, 3], [0, 2, 0], atol=0.25)
    np.testing.assert_allclose(refined["affine"][0, :, :3], np.eye(3), atol=0.1)
    for name, of in (("displacement", refined["affine"]), ("inverse", invert_affine(refined["affine"]))):
        np.testing.assert_allclose(refined[name], array(affine_to_displacement(of, (16, 18, 20))), atol=1e-4)
