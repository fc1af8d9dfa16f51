import numpy as np
import pytest
from scipy import ndimage

from tfregkit.api import Grid
from tfregkit_plugins.datasets.demo_person import _displacement, _inverse_points

GRID = Grid((23, 29, 31), np.diag([4.0, 4.0, 4.0, 1.0]) + np.array([[0, 0, 0, -40.0]] + [[0] * 4] * 3))


@pytest.fixture(scope="module")
def field():
    return _displacement(GRID, 5.0, np.random.default_rng(2))


def test_the_displacement_is_a_diffeomorphism_of_the_size_asked_for(field):
    gradients = np.stack([np.stack(np.gradient(component), -1) for component in field], -2)
    determinants = np.linalg.det(np.eye(3) + gradients)
    assert determinants.min() > 0
    assert determinants.max() > 1.3
    assert np.sqrt((field**2).sum(axis=0).mean()) * 4 == pytest.approx(3.5, rel=0.3)  # 5 in the middle
    assert (
        max(np.abs(field[:, [0, -1]]).max(), np.abs(field[:, :, [0, -1]]).max(), np.abs(field[..., [0, -1]]).max()) == 0
    )


def test_twice_the_velocity_is_the_deformation_done_twice(field):
    half = _displacement(GRID, 2.5, np.random.default_rng(2))
    places = np.indices(GRID.shape) + half
    twice = half + np.stack([ndimage.map_coordinates(c, places, order=3, mode="nearest") for c in half])
    error = np.abs(twice - field)[:, 2:-2, 2:-2, 2:-2]
    assert error.mean() < 0.03 * np.abs(field - 2 * half).max()
    assert error.max() < 0.3 * np.abs(field - 2 * half).max()


def test_landmarks_solve_the_equation_of_the_image(field):
    points = np.random.default_rng(0).uniform([-10, 30, 30], [20, 80, 90], (97, 3))
    found = _inverse_points(field, GRID, points)
    voxels = GRID.world_to_voxel(found).T
    u = np.stack([ndimage.map_coordinates(c, voxels, order=1) for c in field])
    np.testing.assert_allclose(GRID.voxel_to_world((voxels + u).T), points, atol=2e-3)
    assert np.linalg.norm(found - points, axis=1).mean() > 2


def test_a_displacement_that_cannot_be_inverted_says_so():
    folding = np.random.default_rng(0).normal(0, 9, (3, 23, 29, 31)).astype(np.float32)
    with pytest.raises(ValueError, match="`displacement` is too large"):
        _inverse_points(folding, GRID, np.array([[0.0, 50.0, 50.0]] * 7))
