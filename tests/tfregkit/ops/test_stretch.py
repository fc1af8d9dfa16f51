import numpy as np
import pytest
from backends import gradients
from keras import ops
from scipy.ndimage import zoom

from tfregkit.ops.stretch import stretch


def cells(*shape):
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def found(x, shape):
    return ops.convert_to_numpy(stretch(x, shape))


@pytest.mark.parametrize(("old", "new"), [((3, 5, 2), (7, 2, 2)), ((6, 5), (1, 11)), ((1, 4), (3, 3))])
def test_agrees_with_scipy(old, new):
    x = cells(2, *old, 3)
    factors = (1, *(b / a for a, b in zip(old, new, strict=True)), 1)
    expected = zoom(x.astype(np.float64), factors, order=1, mode="nearest", grid_mode=True)
    assert expected.shape == (2, *new, 3)
    np.testing.assert_allclose(found(x, new), expected, atol=1e-5)


def test_its_own_shape_is_the_identity_and_a_constant_stays_one():
    x = cells(1, 5, 3, 7, 2)
    np.testing.assert_array_equal(found(x, (5, 3, 7)), x)
    level = np.broadcast_to(x[:, :1, :1, :1], x.shape).copy()
    stretched = found(level, (2, 11, 4))
    assert stretched.shape == (1, 2, 11, 4, 2)
    np.testing.assert_allclose(stretched - x[:, :1, :1, :1], 0, atol=1e-6)


def test_a_ramp_goes_on_at_the_new_centres_and_one_cell_is_in_the_middle():
    ramp = np.arange(6, dtype=np.float32)[None, :, None, None]
    np.testing.assert_allclose(found(ramp, (3, 1))[0, :, 0, 0], [0.5, 2.5, 4.5], rtol=1e-6)
    np.testing.assert_allclose(found(ramp, (1, 1)), [[[[2.5]]]], rtol=1e-6)


def test_gradients_are_shared_out_among_the_cells():
    """Each new cell's weight is 1, so those of all cells add up to the number of new ones."""
    (gradient,) = gradients(lambda x: ops.sum(stretch(x, (7, 4))), cells(1, 5, 3, 2))
    assert gradient.min() > 0
    np.testing.assert_allclose(gradient.sum(), 7 * 4 * 2, rtol=1e-5)
