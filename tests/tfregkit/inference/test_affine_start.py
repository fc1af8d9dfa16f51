"""Affine starts: headers, centres, moments, files, and the optimised one."""

import numpy as np
import pytest
from phantoms import anatomy, fixed_image, places
from world_grids import GRIDS, affine_matrix

import tfregkit
from tfregkit.data.volume import Grid, Volume
from tfregkit.errors import DataError
from tfregkit.inference.affine_file import write_affine
from tfregkit.inference.affine_fit import fit_affine
from tfregkit.inference.affine_start import affine_start, centre_of_mass_mm
from tfregkit.inference.transform import Transform


def pulled(grid, affine):
    """The anatomy seen through an affine: `moving(A x) = anatomy(x)`."""
    inverse = np.linalg.inv(affine)
    return Volume(anatomy(places(grid) @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.float32), grid)


def test_centre_of_mass_is_in_world_coordinates():
    data = np.full((5, 7, 11), -3.0, np.float32)
    data[1, 2, 3], data[3, 2, 3] = 1, 5  # weights 4 and 8 above the minimum
    volume = Volume(data, Grid(data.shape, GRIDS["oblique"].affine))
    expected = volume.grid.voxel_to_world(np.array([(4 * 1 + 8 * 3) / 12, 2, 3]))
    np.testing.assert_allclose(centre_of_mass_mm(volume), expected, atol=1e-6)


def test_starts_meet_where_they_say(tmp_path):
    far = np.eye(4)
    far[:3, 3] = (200, -300, 90)
    fixed = fixed_image(GRIDS["ras"])
    moving = Volume(fixed_image(GRIDS["oblique"]).data, Grid(GRIDS["oblique"].shape, far @ GRIDS["oblique"].affine))
    assert np.array_equal(affine_start("header", moving, fixed), np.eye(4))
    centre = affine_start("centre", moving, fixed)
    np.testing.assert_allclose(centre[:3, :3] @ fixed.grid.centre_mm + centre[:3, 3], moving.grid.centre_mm)
    np.testing.assert_allclose(affine_start("moments", moving, fixed), far, atol=0.3)
    write_affine(tmp_path / "a.tfm", affine_matrix(1))
    np.testing.assert_allclose(affine_start(tmp_path / "a.tfm", moving, fixed), affine_matrix(1), atol=1e-9)
    with pytest.raises(DataError, match="`--init momnts`: is neither one of header, centre, moments nor a file"):
        affine_start("momnts", moving, fixed)
    with pytest.raises(DataError, match="must be an invertible 4x4 matrix"):
        affine_start(np.zeros((4, 4)), moving, fixed)
    with pytest.raises(DataError, match="constant, so it has no centre of mass"):
        affine_start("moments", Volume(np.ones((3, 5, 7), np.float32), fixed.grid), fixed)


@pytest.mark.parametrize("similarity", ["mse", "ncc"])
def test_optimised_affine_finds_a_known_one(similarity):
    truth = affine_matrix(6)
    moving, fixed = pulled(GRIDS["oblique"], truth), fixed_image(GRIDS["las"])
    for volume in (moving, fixed):
        volume.data /= volume.data.max()
    found = fit_affine(moving, fixed, tfregkit.build("similarity", similarity))
    points = np.random.default_rng(0).uniform(-8, 8, size=(29, 3)) + (7, -11, 5)
    before = np.linalg.norm(points - Transform((truth,)).map(points), axis=1).mean()
    after = np.linalg.norm(Transform((found,)).map(points) - Transform((truth,)).map(points), axis=1).mean()
    assert before > 1.5
    assert after < 0.3


def test_a_fit_that_cannot_improve_changes_nothing():
    fixed = fixed_image(GRIDS["ras"])
    found = fit_affine(fixed, fixed, tfregkit.build("similarity", "mse"))
    np.testing.assert_array_equal(found, np.eye(4))


def test_optimised_affine_knows_no_size_in_mm():
    """A mouse is a small man: images and truth scaled by 0.05."""
    small, truth = np.diag([0.05, 0.05, 0.05, 1.0]), affine_matrix(6)
    moving, fixed = pulled(GRIDS["oblique"], truth), fixed_image(GRIDS["las"])
    mouse = [Volume(v.data / v.data.max(), Grid(v.grid.shape, small @ v.grid.affine)) for v in (moving, fixed)]
    found = np.linalg.inv(small) @ fit_affine(*mouse, tfregkit.build("similarity", "mse")) @ small
    points = np.random.default_rng(0).uniform(-8, 8, size=(29, 3)) + (7, -11, 5)
    after = np.linalg.norm(Transform((found,)).map(points) - Transform((truth,)).map(points), axis=1).mean()
    assert after < 0.3
