import numpy as np
import pytest
from backends import gradients
from keras import ops

from tfregkit.ops.leaky_relu import leaky_relu

X = np.random.default_rng(1).normal(size=(2, 3, 5, 7)).astype(np.float32)


@pytest.mark.parametrize("slope", [0.1, 0.2, 1.0])
def test_value_and_gradient(slope):
    expected = np.where(X > 0, X, slope * X)
    np.testing.assert_allclose(ops.convert_to_numpy(leaky_relu(X, slope)), expected, rtol=1e-6)
    (slopes,) = gradients(lambda x: ops.sum(ops.multiply(leaky_relu(x, slope), X)), X)
    np.testing.assert_allclose(slopes, np.where(X > 0, X, slope * X), rtol=1e-6)


def test_half_precision_keeps_its_type():
    assert ops.convert_to_numpy(leaky_relu(ops.cast(X, "float16"), 0.2)).dtype == np.float16
