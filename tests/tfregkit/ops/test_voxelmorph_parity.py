"""The same fields and images through voxelmorph 0.3.4 (torch, channels first, zeros outside)."""

import numpy as np
import pytest
from backends import gradients, smooth_field
from keras import ops

from tfregkit.ops import integrate, resize_field, warp

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")
modules = pytest.importorskip("voxelmorph.nn.modules")
SHAPES = [(17, 19, 23), (19, 23)]


def numpy(x):
    return ops.convert_to_numpy(x)


def first(x):
    return torch.tensor(np.moveaxis(x, -1, 1).copy())


def last(x):
    return np.moveaxis(x.detach().numpy(), 1, -1)


def inside(shape, largest):
    """A smooth field that vanishes at the border, where the two differ in what lies outside."""
    field = smooth_field(shape, largest)
    for axis, size in enumerate(shape, start=1):
        window = np.minimum(1, np.minimum(np.arange(size), np.arange(size)[::-1]) / 6)
        field = field * window.reshape([-1 if a == axis else 1 for a in range(field.ndim)])
    return field.astype("float32")


@pytest.mark.parametrize("shape", SHAPES)
def test_warp_and_its_gradient(shape):
    field = inside(shape, 3.0)
    image = np.random.default_rng(0).normal(size=(2, *shape, 1)).astype("float32")
    field_t = first(field).requires_grad_(True)
    moved = modules.SpatialTransformer()(first(image), field_t)
    np.testing.assert_allclose(numpy(warp(image, field)), last(moved), atol=1e-4)
    (moved**2).sum().backward()
    (found,) = gradients(lambda u: ops.sum(warp(image, u) ** 2), field)
    assert np.abs(found).max() > 1
    interior = (slice(None), *[slice(1, -1)] * len(shape))
    differs = np.abs(found - last(field_t.grad))[interior] > 1e-3
    assert differs.mean() < 1e-3  # positions within rounding of a voxel take the slope of either side


@pytest.mark.parametrize("shape", SHAPES)
def test_integration_and_its_gradient(shape):
    v = inside(shape, 3.0)
    v_t = first(v).requires_grad_(True)
    u = modules.IntegrateVelocityField(steps=7)(v_t)
    np.testing.assert_allclose(numpy(integrate(v, 7)), last(u), atol=1e-4)
    (u**2).sum().backward()
    (found,) = gradients(lambda v: ops.sum(integrate(v, 7) ** 2), v)
    expected = last(v_t.grad)
    interior = (slice(None), *[slice(2, -2)] * len(shape))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found[interior] / scale, expected[interior] / scale, atol=2e-3)


def test_resizing_differs_by_the_ratio_of_the_aligned_corners_alone():
    field = smooth_field((8, 12, 16), 2.0)
    theirs = last(modules.ResizeDisplacementField(scale_factor=2)(first(field)))
    ratio = np.array([15 / 7, 23 / 11, 31 / 15]) / 2
    np.testing.assert_allclose(numpy(resize_field(field, (16, 24, 32))), theirs * ratio, atol=1e-5)
