"""Probabilities of whole images by windows."""

import numpy as np
import pytest
from keras import ops

from tfregkit.inference.layout import Layout
from tfregkit.inference.windows import SlidingWindows, by_windows
from tfregkit.models.base import Network

SHAPE, TILE, OVERLAP = (20, 12, 28), (12, 8, 16), (4, 4, 8)


class ByMean(Network):
    """The same for all voxels of a window: a softmax of its mean; so windows differ where images do."""

    stride = 4
    structures = {"bright": (1,), "dark": (2,)}

    def __init__(self, constant=False):
        super().__init__()
        self.constant, self.shapes = constant, []

    def call(self, inputs, training=None):
        image = inputs["fixed"]
        self.shapes.append(tuple(image.shape))
        mean = ops.mean(image, axis=(1, 2, 3), keepdims=True) * (0.0 if self.constant else 1.0)
        return {"logits": ops.concatenate([0.3 + 0.0 * image, mean + 0.0 * image, -2.0 * mean + 0.0 * image], axis=-1)}


def image(shape=SHAPE):
    ramp = np.linspace(-3, 4, shape[0])[:, None, None] + np.linspace(-2, 2, shape[2])
    return np.broadcast_to(ramp, shape).astype(np.float32)[None, ..., None]


@pytest.mark.parametrize("weights", ["linear", "gaussian"])
def test_windows_are_added_up_by_their_weights(weights):
    layout = Layout.evenly(SHAPE, TILE, OVERLAP, 4, weights)
    expected = np.zeros((3, *SHAPE))
    for box, weight in layout.boxes():
        mean = image()[(0, *box, 0)].mean()
        odds = np.exp([0.3, mean, -2 * mean])
        expected[(slice(None), *box)] += (odds / odds.sum())[:, None, None, None] * weight
    found = SlidingWindows(ByMean())(image(), layout)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("weights", ["linear", "gaussian"])
def test_what_is_constant_stays_so(weights):
    found = SlidingWindows(ByMean(constant=True))(image(), Layout.evenly(SHAPE, TILE, OVERLAP, 4, weights))
    assert np.ptp(found, axis=(1, 2, 3)).max() < 1e-6


def test_blended_windows_have_no_seams_and_others_do():
    """The largest jump at a border, of all jumps: side by side there are no others."""
    ratios = {}
    for name, overlap, weights in (("none", 0, "linear"), ("linear", 8, "linear"), ("gaussian", 8, "gaussian")):
        layout = Layout.evenly((48, 4, 4), (16, 4, 4), (overlap, 0, 0), 4, weights)
        found = SlidingWindows(ByMean())(image((48, 4, 4)), layout)[1]
        jumps = np.abs(np.diff(found[:, 0, 0]))
        edges = [edge - 1 for edge in layout.borders()[0]]
        ratios[name] = jumps[edges].max() / jumps.max()
    assert ratios["none"] == 1
    assert ratios["gaussian"] < 0.1
    assert ratios["linear"] < 1


def test_images_of_any_size_are_padded_to_the_stride_and_seen_by_windows_of_one_shape():
    network = ByMean()
    found = by_windows(network, (16, 8, 16))(image((21, 10, 35)))
    assert found.shape == (3, 21, 10, 35)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert set(network.shapes) == {(1, 16, 8, 16, 1)}
