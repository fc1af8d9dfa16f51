"""Sampling against SciPy inside, and ITK's rule at the borders."""

import numpy as np
import pytest
from scipy import ndimage

from tfregkit.data.sampling import affine_sample, sample

DATA = np.random.default_rng(0).normal(size=(5, 7, 11)).astype(np.float32)


def test_inside_it_is_scipys_linear_interpolation():
    places = np.random.default_rng(1).uniform(0, 1, size=(3, 97)) * np.array([[4], [6], [10]])
    expected = ndimage.map_coordinates(DATA.astype(np.float64), places, order=1)
    np.testing.assert_allclose(sample(DATA, places), expected, atol=1e-5)


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_borders_are_itks(interpolation):
    """The edge value within the outer half voxel, the fill beyond it."""
    sitk = pytest.importorskip("SimpleITK")
    source = sitk.GetImageFromArray(DATA.transpose(2, 1, 0))
    reference = sitk.Image([23, 23, 23], sitk.sitkFloat32)
    reference.SetOrigin((-1.3, -1.3, -1.3))
    reference.SetSpacing((0.31, 0.43, 0.6))
    method = {"linear": sitk.sitkLinear, "nearest": sitk.sitkNearestNeighbor}[interpolation]
    theirs = sitk.GetArrayFromImage(sitk.Resample(source, reference, sitk.Transform(), method, -9.0)).transpose(2, 1, 0)

    matrix = np.diag([0.31, 0.43, 0.6, 1.0])
    matrix[:3, 3] = -1.3
    lattice = np.moveaxis(np.indices((23, 23, 23)), 0, -1) @ matrix[:3, :3].T + matrix[:3, 3]
    for ours in (
        sample(DATA, np.moveaxis(lattice, -1, 0), interpolation=interpolation, fill=-9.0),
        affine_sample(DATA, matrix, (23, 23, 23), interpolation=interpolation, fill=-9.0),
    ):
        assert (ours == -9).any()
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_edge_continues_and_what_is_not_finite_is_outside():
    places = np.array([[-3.0, 2.0, np.nan], [3, 9.0, 0], [5, 5, 0]])
    np.testing.assert_allclose(sample(DATA, places, fill="edge")[:2], [DATA[0, 3, 5], DATA[2, 6, 5]])
    np.testing.assert_allclose(sample(DATA, places, fill=4.0), [4, 4, 4])


def test_nearest_keeps_the_type_and_rounds_halves_up():
    labels = np.arange(5 * 7 * 11, dtype=np.int32).reshape(5, 7, 11) + 2**30
    places = np.array([[0.5, 1.5, 1.49], [0, 0, 0], [0, 0, 0]])
    got = sample(labels, places, interpolation="nearest")
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, labels[[1, 2, 1], 0, 0])
    with pytest.raises(ValueError, match="`interpolation` must be one of linear, nearest. Received: 'cubic'"):
        sample(labels, places, interpolation="cubic")


def test_affine_sampling_is_sampling_on_the_lattice():
    matrix = np.eye(4)
    matrix[:3] += np.random.default_rng(2).normal(size=(3, 4)) * 0.2
    lattice = np.moveaxis(np.indices((7, 5, 6)), 0, -1) @ matrix[:3, :3].T + matrix[:3, 3]
    for fill in (0.5, "edge"):
        expected = sample(DATA, np.moveaxis(lattice, -1, 0), fill=fill)
        np.testing.assert_allclose(affine_sample(DATA, matrix, (7, 5, 6), fill=fill), expected, atol=1e-5)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_turned_axes_and_whole_steps_are_copied_not_interpolated(order):
    matrix = np.zeros((4, 4))
    matrix[[0, 1, 2, 3], [*order, 3]] = (1, -1, 1, 1)
    matrix[:3, 3] = (-2, 5, 1)
    lattice = np.moveaxis(np.indices((6, 9, 8)), 0, -1) @ matrix[:3, :3].T + matrix[:3, 3]
    for fill in (0.5, "edge"):
        got = affine_sample(DATA, matrix, (6, 9, 8), fill=fill)
        np.testing.assert_array_equal(got, sample(DATA, np.moveaxis(lattice, -1, 0), fill=fill))
        assert set(got.ravel()) <= {*DATA.ravel(), np.float32(0.5)}
