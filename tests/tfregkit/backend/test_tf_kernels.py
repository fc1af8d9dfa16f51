"""TensorFlow's kernels against the generic code in float64, and where they must work."""

import subprocess
import sys

import numpy as np
import pytest
from backends import ROOT, tensorflow_only
from references import spatial

from tfregkit.backend.dispatch import kernel

pytestmark = tensorflow_only


def with_gradients(function, *inputs):
    """The value and the gradients of a weighted sum of it."""
    import tensorflow as tf

    tensors = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
        weight = np.random.default_rng(9).normal(size=value.shape)
        total = tf.reduce_sum(value * tf.cast(weight, value.dtype))
    return [value.numpy(), *(tf.convert_to_tensor(g).numpy() for g in tape.gradient(total, tensors))]


def check(fast, generic, *inputs, tolerance=1e-12):
    for found, expected in zip(with_gradients(fast, *inputs), with_gradients(generic, *inputs), strict=True):
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(found, expected, atol=tolerance)


SHAPE = (7, 11, 13)
"""One shape and type for most tests here: every other one compiles all kernels anew."""


def field(shape, largest, seed=0):
    return np.random.default_rng(seed).uniform(-largest, largest, size=(2, *shape, len(shape)))


@pytest.mark.parametrize(("shape", "channels"), [(SHAPE, 1), ((11, 13), 4), ((1, 13), 1), ((5, 1), 1)])
def test_warp_agrees_with_the_generic_code(shape, channels):
    from tfregkit.backend.tf_warp import sample_linear
    from tfregkit.ops.warp import _sample_linear

    image = np.random.default_rng(1).normal(size=(2, *shape, channels))
    check(lambda i, u: sample_linear(i, u, True), lambda i, u: _sample_linear(i, u, True), image, field(shape, 4))


@pytest.mark.parametrize("shape", [SHAPE, (11, 13), (5, 1)])
@pytest.mark.parametrize(("largest", "steps"), [(0.9, 1), (3.9, 3), (20.0, 2)])
def test_integration_agrees_with_the_generic_code(shape, largest, steps):
    """0.9: dense stencils alone; 3.9: stencils, then gathers; 20: gathers alone, far outside the image."""
    from tfregkit.backend.tf_integrate import scaling_squaring
    from tfregkit.ops.integrate import _scaling_squaring

    v = field(shape, largest)
    check(lambda v: scaling_squaring(v, steps), lambda v: _scaling_squaring(v, steps), v, tolerance=1e-11)


def test_a_zero_field_is_exact_and_has_the_generic_one_sided_slopes():
    from tfregkit.backend.tf_integrate import scaling_squaring
    from tfregkit.ops.integrate import _scaling_squaring

    v = field(SHAPE, 0.5)
    v[0] = 0
    v[1, ..., 1] = 0  # on the voxels along one axis, between them along the others
    check(lambda v: scaling_squaring(v, 2), lambda v: _scaling_squaring(v, 2), v)


@pytest.mark.parametrize(("old", "new"), [(7, 19), (19, 7), (5, 6), (2, 31)])
def test_resizing_agrees_with_the_generic_code(old, new):
    from tfregkit.backend.tf_resize import resize_axis
    from tfregkit.ops.resize import interpolate_axis

    x = np.random.default_rng(0).normal(size=(2, 5, old, 3))
    check(lambda x: resize_axis(x, 2, old, new), lambda x: interpolate_axis(x, 2, old, new), x)


def test_window_sums_agree_with_the_generic_code():
    from tfregkit.backend.tf_window import box_sum
    from tfregkit.ops.window import _box_sum

    x = np.random.default_rng(0).normal(size=(2, *SHAPE, 3))
    check(lambda x: box_sum(x, 5), lambda x: _box_sum(x, 5), x)


def test_kernels_serve_large_tensors_only():
    small, large = np.zeros((1, 5, 7, 3)), np.zeros((1, 300, 200, 3))
    assert kernel("sample_linear", small) is None
    assert callable(kernel("sample_linear", large))
    assert callable(kernel("sample_linear", small, large))
    assert kernel("no_such_operation", large) is None


def test_the_generic_code_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("TFREGKIT_GENERIC", "1")
    assert kernel("sample_linear", np.zeros((1, 300, 200, 3))) is None


def test_inside_a_graph_with_unknown_sizes():
    import tensorflow as tf

    from tfregkit.ops import integrate, warp

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1]), tf.TensorSpec([None, None, None, 2])])
    def run(image, velocity):
        with tf.GradientTape() as tape:
            tape.watch(velocity)
            moved = warp(image, integrate(velocity, 3))
        return moved, tape.gradient(moved, velocity)

    rng = np.random.default_rng(0)
    for shape in ((1, 11, 13), (2, 17, 7)):
        image = rng.normal(size=(*shape, 1)).astype("float32")
        velocity = rng.normal(size=(*shape, 2)).astype("float32")
        moved, slope = run(image, velocity)
        expected = spatial.warp(image, spatial.scaling_squaring(velocity, 3))
        np.testing.assert_allclose(moved, expected, atol=1e-4)
        assert np.isfinite(slope).all()
        assert np.abs(slope).max() > 0


def test_the_same_bits_every_time():
    """The scatter adds in a fixed order: a resumed run continues exactly."""
    from tfregkit.backend.tf_integrate import scaling_squaring

    v = field(SHAPE, 9.0)
    first = with_gradients(lambda v: scaling_squaring(v, 4), v)
    for _ in range(3):
        for again, expected in zip(with_gradients(lambda v: scaling_squaring(v, 4), v), first, strict=True):
            np.testing.assert_array_equal(again, expected)


def test_nan_is_no_crash_in_either_direction():
    from tfregkit.backend.tf_integrate import scaling_squaring
    from tfregkit.backend.tf_warp import sample_linear

    v = field(SHAPE, 2.0)
    v[0, 2, 3, 5] = np.nan
    value, _ = with_gradients(lambda v: scaling_squaring(v, 3), v)
    assert np.isnan(value[0, 2, 3, 5]).all()
    assert np.isfinite(value[1]).all()
    image = np.ones((2, *SHAPE, 1))
    value, *_ = with_gradients(lambda i, v: sample_linear(i, v, True), image, v)
    assert np.isnan(value).sum() == 1


REPLICAS = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tfregkit.backend.tf_integrate import scaling_squaring
from tfregkit.backend.tf_warp import sample_linear
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def step(v):
    with tf.GradientTape() as tape:
        tape.watch(v)
        total = tf.reduce_sum(sample_linear(v, scaling_squaring(v, 4), True) ** 2)
    return tape.gradient(total, v)

v = np.random.default_rng(0).uniform(-6, 6, size=(2, 11, 13, 2)).astype("float32")
parts = [tf.constant(v[replica, None]) for replica in range(2)]
parts = strategy.experimental_distribute_values_from_function(lambda context: parts[context.replica_id_in_sync_group])
found = tf.function(lambda: strategy.run(step, args=(parts,)))()
for replica, value in enumerate(strategy.experimental_local_results(found)):
    expected = step(tf.constant(v[replica, None])).numpy()
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-4, atol=1e-4)
print("equal on both")
"""


def test_under_a_mirrored_strategy():
    done = subprocess.run([sys.executable, "-c", REPLICAS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "equal on both" in done.stdout, done.stderr[-3000:]
