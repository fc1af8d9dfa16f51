"""Mutual information where its value is known, and the mistakes of public implementations."""

import subprocess
import sys

import numpy as np
import pytest
from backends import gradients, tensorflow_only
from intensities import images, similarity, uniform
from keras import ops
from references.mutual_information import joint_histogram, soft_bins

import tfregkit
from tfregkit.ops import soft_histogram

FORMS = ("mi", "nmi")
mi = similarity("mi")


def binary(shape=(1, 16, 15, 8, 1)):
    """Half ones, half zeros, seeded."""
    values = np.arange(np.prod(shape)) % 2
    return np.random.default_rng(3).permutation(values).reshape(shape).astype(np.float32)


def test_binary_images_share_ln_2_with_themselves_and_their_inverse():
    x = binary()
    np.testing.assert_allclose(mi(x, x), np.log(2), rtol=2e-6)
    np.testing.assert_allclose(mi(x, 1 - x), np.log(2), rtol=2e-6)


def test_independent_binary_images_share_nothing():
    x = np.zeros((1, 16, 16, 4, 1), np.float32)
    y = np.zeros_like(x)
    x[:, :8], y[:, :, :8] = 1, 1
    np.testing.assert_allclose(mi(x, y), 0, atol=3e-6)


@pytest.mark.parametrize("form", FORMS)
def test_is_symmetric(form):
    fixed, moved = images()
    np.testing.assert_allclose(mi(fixed, moved, form=form), mi(moved, fixed, form=form), rtol=1e-5)


def test_is_not_negative():
    for seed in range(5):
        assert np.all(mi(uniform((2, 5, 7, 3, 1), seed), uniform((2, 5, 7, 3, 1), seed + 9)) > -1e-6)


def test_a_bijection_of_the_centres_keeps_the_entropy():
    rng = np.random.default_rng(1)
    labels, order = rng.integers(0, 16, (1, 13, 11, 7, 1)), rng.permutation(16)
    shares = np.bincount(labels.ravel()) / labels.size
    x, y = (np.float32(values) / 15 for values in (labels, order[labels]))
    np.testing.assert_allclose(mi(x, y, bins=16, kernel_ratio=0.1), -np.sum(shares * np.log(shares)), rtol=1e-5)


def test_is_the_plain_histogram_for_a_narrow_kernel():
    """With values kept away from the borders between bins, where the nearest centre would be in doubt."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 8, (2, 1200))
    labels[1] = (labels[1] + labels[0]) // 2
    x, y = (labels + rng.uniform(-0.3, 0.3, labels.shape)) / 7
    p = np.histogram2d(*labels, bins=8, range=[[-0.5, 7.5]] * 2)[0] / 1200
    outer = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    expected = np.sum(p[p > 0] * np.log(p[p > 0] / outer[p > 0]))
    x, y = (np.float32(values).reshape(1, 30, 40, 1) for values in (x, y))
    np.testing.assert_allclose(mi(x, y, bins=8, kernel_ratio=0.08), expected, rtol=1e-4)


def test_bias_of_20000_independent_uniform_samples_is_as_known():
    np.testing.assert_allclose(mi(*uniform((2, 1, 25, 25, 32, 1))), 0.016, atol=0.004)


# Pitfalls of public implementations.


def test_does_not_depend_on_the_scale_of_the_intensities_when_the_range_follows():
    """Not so where centres follow the image and the kernel's width does not."""
    x, y = uniform((2, 1, 9, 11, 13, 1))
    y = 0.5 * (x + y)
    expected = mi(x, y)
    for scale in (10.0, 0.1):
        np.testing.assert_allclose(mi(scale * x, scale * y, range=(0.0, scale)), expected, rtol=1e-3)


def test_weights_of_a_voxel_add_up_to_1_so_that_marginals_are_sums_of_the_joint_histogram():
    fixed, moved = (x.reshape(1, -1) for x in images((1, 7, 5, 1)))
    rule = soft_histogram.Bins(11)
    shares = np.full_like(fixed, 1 / fixed.size)
    joint = ops.convert_to_numpy(soft_histogram.joint_histogram(fixed, moved, shares, rule))[0]
    np.testing.assert_allclose(joint, joint_histogram(fixed, moved, bins=11), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(joint.sum(1), np.mean([soft_bins(x, 11) for x in fixed[0]], axis=0), rtol=1e-5)
    np.testing.assert_allclose(joint.sum(0), np.mean([soft_bins(x, 11) for x in moved[0]], axis=0), rtol=1e-5)
    np.testing.assert_allclose(joint.sum(), 1, rtol=1e-6)


def test_nothing_leaks_through_minimum_and_maximum():
    """What is outside the range counts as its end, has no gradient, and moves no bin of the others."""
    fixed, moved = images()
    outside = (moved < 0) | (moved > 1)
    assert outside.any()
    far = np.where(outside, 100 * (moved - 0.5), moved).astype(np.float32)
    np.testing.assert_array_equal(mi(fixed, far), mi(fixed, moved))
    term = tfregkit.build("similarity", "mi")
    (slope,) = gradients(lambda x: ops.sum(term(fixed, x)), moved)
    np.testing.assert_array_equal(slope[outside], 0)
    assert np.all(slope[~outside] != 0)


def test_nmi_is_normalised():
    x = binary()
    np.testing.assert_allclose(mi(x, x, form="nmi", kernel_ratio=0.1), 2, rtol=1e-5)
    independent = np.zeros_like(x), np.zeros_like(x)
    independent[0][:, :8], independent[1][:, :, :, :4] = 1, 1
    np.testing.assert_allclose(mi(*independent, form="nmi"), 1, atol=1e-5)


def test_width_of_the_kernel_is_in_distances_of_the_centres():
    """`(high - low) / (bins - 1)`, not `/ bins`."""
    weights = soft_bins(0.25, bins=5)
    np.testing.assert_allclose(weights[2] / weights[1], np.exp(-2), rtol=1e-12)
    value, one = np.full((1, 1), 0.25, np.float32), np.ones((1, 1), np.float32)
    joint = ops.convert_to_numpy(soft_histogram.joint_histogram(value, value, one, soft_histogram.Bins(5)))[0]
    np.testing.assert_allclose(joint, np.outer(weights, weights), rtol=1e-5, atol=1e-12)


def test_empty_cells_add_nothing_and_have_a_finite_gradient():
    """Neither log(0) nor an epsilon of 1e-5 in the logarithm, with which this would be 2e-5 off."""
    x = binary()
    np.testing.assert_allclose(mi(x, x, kernel_ratio=0.05), np.log(2), rtol=1e-6)
    for form in FORMS:
        term = tfregkit.build("similarity", "mi", form=form, kernel_ratio=0.05)
        for moved in (x, np.zeros_like(x), np.full_like(x, 0.5)):
            (slope,) = gradients(lambda y, term=term: ops.sum(term(x, y)), moved)
            assert np.all(np.isfinite(slope))


MEMORY = """
import numpy as np, tensorflow as tf, tfregkit
def memory(key):
    return int(open("/proc/self/status").read().split(key + ":")[1].split()[0]) / 1e6
fixed, moved = (tf.random.stateless_uniform((1, 160, 192, 160, 1), (0, seed)) for seed in (1, 2))
term = tfregkit.build("similarity", "mi")
@tf.function(autograph=False)
def run(fixed, moved):
    with tf.GradientTape() as tape:
        tape.watch(moved)
        value = term(fixed, moved)
    return tape.gradient(value, moved)
before = memory("VmRSS")
run(fixed, moved)
print(memory("VmHWM") - before)
"""


@tensorflow_only
def test_memory_stays_below_1_gb_at_full_size():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(done.stdout.split()[-1]) < 1
