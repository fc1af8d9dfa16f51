"""The network that predicts an affine."""

import numpy as np
import pytest
from keras import ops

import tfregkit

RNG = np.random.default_rng(21)
SMALL = {"filters": [3, 4, 5]}


def network(**parameters):
    return tfregkit.build("network", "affine", **{**SMALL, **parameters})


def pair(shape=(11, 13, 17), batch=2):
    return {name: RNG.normal(size=(batch, *shape, 1)).astype(np.float32) for name in ("moving", "fixed")}


def array(x):
    return ops.convert_to_numpy(x)


def stirred(built, inputs):
    built(inputs)
    built.head.kernel.assign(0.02 * RNG.normal(size=built.head.kernel.shape))
    return built


@pytest.mark.parametrize("shape", [(13, 17), (11, 13, 17)])
def test_begins_as_the_identity(shape):
    rank = len(shape)
    out = network()(pair(shape))
    np.testing.assert_array_equal(array(out["affine"]), np.broadcast_to(np.eye(rank, rank + 1), (2, rank, rank + 1)))
    for name in ("displacement", "inverse"):
        np.testing.assert_allclose(array(out[name]), np.zeros((2, *shape, rank)), atol=1e-6)


@pytest.mark.parametrize("shape", [(13, 17), (11, 13, 17)])
def test_twelve_numbers_are_a_matrix_and_a_shift_in_halves_of_the_extent(shape):
    """`u = W x + b` about the centre; the inverse is that of `A = W + I`."""
    rank = len(shape)
    built = network()
    built(pair(shape))
    w, t = RNG.normal(size=(rank, rank)) / 6, RNG.normal(size=rank) / 5
    built.head.bias.assign(np.concatenate([w, t[:, None]], 1).ravel())
    out = built(pair(shape))
    centre = np.array([(size - 1) / 2 for size in shape])
    x = np.moveaxis(np.indices(shape), 0, -1) - centre
    np.testing.assert_allclose(array(out["affine"])[1, :, :rank], np.eye(rank) + w, rtol=1e-6)
    np.testing.assert_allclose(array(out["affine"])[1, :, rank], t * centre, rtol=1e-6)
    np.testing.assert_allclose(array(out["displacement"])[0], x @ w.T + t * centre, atol=2e-5)
    back = (x - t * centre) @ np.linalg.inv(np.eye(rank) + w).T - x
    np.testing.assert_allclose(array(out["inverse"])[0], back, atol=1e-4)


def test_nine_convolutions_that_halve_every_second_time():
    built = tfregkit.build("network", "affine")
    built(pair((8, 8, 8), batch=1))
    assert [layer.strides for layer in built.convolutions] == [(2, 2, 2), (1, 1, 1)] * 4 + [(2, 2, 2)]
    assert built.head.kernel.shape == (8 * 128, 12)
    assert built.count_params() == 1_333_964
    assert built.stride == 1


@pytest.mark.parametrize("shape", [(5, 1, 7), (24, 20, 33)])
def test_any_size_will_do(shape):
    built = stirred(network(), pair())
    affine = array(built(pair(shape))["affine"])
    assert np.isfinite(affine).all()
    assert np.abs(affine[0] - affine[1]).max() > 1e-4


def test_sees_where_things_are():
    """Moving the moving image changes the affine: means over the whole map alone would hardly tell."""
    inputs = pair((16, 16, 16))
    built = stirred(network(), inputs)
    moved = {**inputs, "moving": np.roll(inputs["moving"], 5, axis=1)}
    assert np.abs(array(built(inputs)["affine"]) - array(built(moved)["affine"])).max() > 1e-3
