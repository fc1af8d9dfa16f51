"""The three conventions of the divergence from the prior, kept apart."""

import keras
import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.divergence import gaussian_kl, laplacian, laplacian_kl

import tfregkit
from tfregkit.errors import ConfigError

SHAPES = [(3, 4), (2, 3, 4)]


def posterior(shape, seed=5, batch=2):
    """Means of some voxels, log variances about -1: `(batch, *shape, N)` each, float64."""
    rng = np.random.default_rng(seed)
    fields = rng.normal(size=(2, batch, *shape, len(shape)))
    return 1.5 * fields[0], 0.7 * fields[1] - 1


def value(mean, log_variance, **options):
    joined = np.concatenate([mean, log_variance], -1).astype("float32")
    return ops.convert_to_numpy(tfregkit.build("regularizer", "kl", **options)(joined))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("precision", [None, 2.5])
def test_clmorph_is_the_divergence_from_the_standard_normal_by_number(shape, precision):
    mean, log_variance = posterior(shape)
    lam = 1.0 if precision is None else precision
    expected = [
        gaussian_kl(m.ravel(), np.diag(np.exp(v).ravel()), lam * np.eye(m.size)) / m.size
        for m, v in zip(mean, log_variance, strict=True)
    ]
    np.testing.assert_allclose(
        value(mean, log_variance, convention="clmorph", precision=precision), expected, rtol=1e-5
    )


def test_clmorph_eq_6_lacks_the_constant_that_makes_the_least_zero():
    """Printed: 1/2 [tr(s2) + |mu|^2 - log det s2], which is half the dimension at its least."""
    still = np.zeros((1, 3, 5, 7, 3))
    np.testing.assert_allclose(value(still, still, convention="clmorph"), 0, atol=1e-6)
    mean, log_variance = posterior((3, 5, 7), batch=1)
    printed = 0.5 * np.mean(np.exp(log_variance) + mean**2 - log_variance)
    np.testing.assert_allclose(value(mean, log_variance, convention="clmorph"), printed - 0.5, rtol=1e-5)


def test_clmorph_does_not_spatially_smooth_the_means():
    """The text says that the log determinant does: shuffling the voxels changes nothing there, but the Laplacian's."""
    mean, log_variance = posterior((3, 5, 7), batch=1)
    order = np.random.default_rng(2).permutation(3 * 5 * 7)
    shuffled = [x.reshape(1, -1, 3)[:, order].reshape(x.shape) for x in (mean, log_variance)]
    found = value(*shuffled, convention="clmorph")
    np.testing.assert_allclose(found, value(mean, log_variance, convention="clmorph"), rtol=1e-5)
    assert abs(value(*shuffled, convention="exact") - value(mean, log_variance, convention="exact")) > 1


@pytest.mark.parametrize("shape", SHAPES)
def test_exact_is_the_divergence_from_the_laplacian_prior(shape):
    mean, log_variance = posterior(shape)
    expected = [laplacian_kl(m, np.exp(v), 3.0) for m, v in zip(mean, log_variance, strict=True)]
    np.testing.assert_allclose(value(mean, log_variance, convention="exact", precision=3.0), expected, rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_voxelmorph_has_the_exact_part_of_the_variances(shape):
    _, log_variance = posterior(shape)
    still = np.zeros_like(log_variance)
    exact, theirs = (value(still, log_variance, convention=name) for name in ("exact", "voxelmorph"))
    np.testing.assert_allclose(theirs, exact, rtol=1e-6)


def test_voxelmorphs_part_of_the_means_is_two_n_times_too_small():
    """Six times in the limit of large 3-D images; borders take some of it away: 4.77 on 4 x 5 x 6 voxels."""
    for shape, expected in (((4, 5, 6), 4.77), ((61, 59, 67), 5.90)):
        mean = np.random.default_rng(4).normal(size=(1, *shape, 3))
        certain = np.zeros_like(mean)
        parts = [
            value(mean, certain, convention=name) - value(0 * mean, certain, convention=name)
            for name in ("exact", "voxelmorph")
        ]
        ratio = parts[0] / parts[1]
        np.testing.assert_allclose(ratio, 6 * np.mean([(n - 1) / n for n in shape]), rtol=0.02)
        np.testing.assert_allclose(ratio, expected, rtol=0.03)


def test_agrees_with_voxelmorphs_formula():
    """1/2 N (mean(lam D s2 - log s2) + lam 1/2 sum_axis mean(diff^2) / N), written out."""
    mean, log_variance = posterior((4, 5, 6), batch=1)
    degree = np.diag(laplacian((4, 5, 6))).reshape(4, 5, 6, 1)
    spread = np.mean(10 * degree * np.exp(log_variance) - log_variance)
    rough = 10 * 0.5 * sum(np.mean(np.diff(mean, axis=axis) ** 2) for axis in (1, 2, 3)) / 3
    found = value(mean, log_variance, convention="voxelmorph")
    np.testing.assert_allclose(found, 0.5 * 3 * (spread + rough), rtol=1e-5)


@pytest.mark.parametrize("convention", ["exact", "voxelmorph"])
def test_least_at_no_motion_with_the_variance_of_the_prior(convention):
    """At mu = 0 and s2 = 1 / (lam D) the gradient is zero, and every step away costs."""
    shape, lam = (3, 4, 5), 4.0
    degree = np.diag(laplacian(shape)).reshape(1, *shape, 1)
    best = np.concatenate([np.zeros((1, *shape, 3)), np.tile(-np.log(lam * degree), 3)], -1).astype("float32")
    term = tfregkit.build("regularizer", "kl", convention=convention, precision=lam)
    (slope,) = gradients(lambda x: ops.sum(term(x)), best)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    rng = np.random.default_rng(1)
    for _ in range(3):
        assert term(best + rng.normal(size=best.shape).astype("float32")) > term(best) + 0.1


@pytest.mark.parametrize("convention", ["clmorph", "exact", "voxelmorph"])
def test_gradient(convention):
    mean, log_variance = posterior((3, 4, 5), batch=1)
    at, rng = np.concatenate([mean, log_variance], -1), np.random.default_rng(8)
    term = tfregkit.build("regularizer", "kl", convention=convention)
    (slope,) = gradients(lambda x: ops.sum(term(x)), at.astype("float32"))
    assert np.isfinite(slope).all()
    step = rng.normal(size=at.shape)
    ahead, behind = (float(term((at + sign * 1e-2 * step).astype("float32"))[0]) for sign in (1, -1))
    np.testing.assert_allclose((slope * step).sum(), (ahead - behind) / 2e-2, rtol=2e-3)


def test_two_fields_are_the_sum_of_both():
    """Both ways: four times N channels, first all means."""
    one, other = posterior((3, 4, 5), seed=1), posterior((3, 4, 5), seed=2)
    both = [np.concatenate(parts, -1) for parts in zip(one, other, strict=True)]
    for convention in ("exact", "voxelmorph"):
        single = [value(*fields, convention=convention) for fields in (one, other)]
        np.testing.assert_allclose(value(*both, convention=convention), sum(single), rtol=1e-5)


def test_looks_at_the_posterior_and_nothing_else():
    assert tfregkit.build("regularizer", "kl").on == "posterior"
    with pytest.raises(ConfigError, match="on"):
        tfregkit.build("regularizer", "kl", on="displacement")


def test_float32_under_mixed_precision():
    fields = posterior((3, 4, 5))
    expected = value(*fields)
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        found = value(*fields)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_slip_of_equation_11_the_mean_counts_by_its_square():
    """Of Liu et al. 2022: at unit variance the divergence from N(0, 1) is half the mean's square, not its length."""
    mean, _ = posterior((3, 5))
    found = value(mean, np.zeros_like(mean), convention="clmorph", on="latent.P2")
    np.testing.assert_allclose(found, 0.5 * (mean**2).mean((1, 2, 3)), rtol=1e-5)
    twice = value(2 * mean, np.zeros_like(mean), convention="clmorph", on="latent.P2")
    np.testing.assert_allclose(twice, 4 * found, rtol=1e-5)
