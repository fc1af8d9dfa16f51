import numpy as np
import pytest
from backends import gradients
from keras import ops

from tfregkit.ops.upsample import upsample_convolve

RNG = np.random.default_rng(7)


def plain(coarse, kernel):
    for axis in range(1, len(coarse.shape) - 1):
        coarse = ops.repeat(coarse, 2, axis=axis)
    return ops.conv(coarse, kernel, padding="same")


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("shape", [(3, 5, 2), (7, 4)])
def test_is_the_convolution_of_the_enlarged_image(shape, size):
    coarse = RNG.normal(size=(2, *shape, 3)).astype(np.float32)
    kernel = RNG.normal(size=(*[size] * len(shape), 3, 5)).astype(np.float32)
    found, expected = (ops.convert_to_numpy(f(coarse, kernel)) for f in (upsample_convolve, plain))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_gradients_are_those_of_the_plain_convolution():
    coarse = RNG.normal(size=(2, 3, 5, 2, 3)).astype(np.float32)
    kernel = RNG.normal(size=(3, 3, 3, 3, 4)).astype(np.float32)
    weights = RNG.normal(size=(2, 6, 10, 4, 4)).astype(np.float32)
    found, expected = (
        gradients(lambda c, k, f=f: ops.sum(ops.multiply(f(c, k), weights)), coarse, kernel)
        for f in (upsample_convolve, plain)
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
