"""What the metrics are given: labels, points and field of one and the same transform, on the fixed image's own grid."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tfregkit.data.base import Pair, Subject
from tfregkit.data.grid import Grid
from tfregkit.errors import DataError
from tfregkit.evaluation.cases import Scans, make_case
from tfregkit.inference.field import Field
from tfregkit.inference.transform import Transform

FIXED, MOVING = (13, 11, 17), (17, 19, 13)
TILT = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])


def affine(spacing, origin, signs=(1, 1, 1)):
    result = np.eye(4)
    result[:3, :3] = TILT @ np.diag(np.array(spacing) * signs)
    result[:3, 3] = origin
    return result


FIXED_AFFINE = affine((2.0, 2.0, 1.5), (-8, -6, -9), (1, 1, 1))
MOVING_AFFINE = affine((1.5, 2.0, 2.0), (14, -9, -10), (-1, 1, 1))


def save(folder, name, data, matrix):
    nib.save(nib.Nifti1Image(data, matrix), folder / f"{name}.nii.gz")
    return folder / f"{name}.nii.gz"


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(2)
    scans = []
    for name, shape, matrix in (("fixed", FIXED, FIXED_AFFINE), ("moving", MOVING, MOVING_AFFINE)):
        image = gaussian_filter(rng.normal(size=shape), 2).astype(np.float32) + 1.0
        (tmp_path / f"{name}.csv").write_text("x,y,z\n1.5,-2,3\n4,1,-2.5\n")
        scans.append(
            Subject(
                id=name,
                image=save(tmp_path, name, image, matrix),
                labels=save(tmp_path, f"{name}_labels", rng.integers(0, 4, shape).astype(np.int16), matrix),
                points=tmp_path / f"{name}.csv",
            )
        )
    return Pair(moving=scans[1], fixed=scans[0])


def smooth_transform():
    """An affine start and a smooth field after it... in world space, as a registration gives them."""
    grid = Grid((7, 7, 7), affine((6.0, 6.0, 6.0), (-15, -15, -15)))
    vectors = np.random.default_rng(4).normal(size=(3, 7, 7, 7)).astype(np.float32)
    start = np.eye(4)
    start[:3, 3] = [1.0, -2.0, 0.5]
    return Transform((Field(grid, vectors), start)), Transform((start,))


def value_at(data, matrix, point, order):
    """By hand: the value of a volume at a world point, nearest or trilinear, or None outside."""
    from scipy.ndimage import map_coordinates

    voxel = np.linalg.solve(matrix[:3, :3], point - matrix[:3, 3])
    if np.any(voxel < 0) or np.any(voxel > np.array(data.shape) - 1):
        return None
    return map_coordinates(data, voxel[:, None], order=order)[0]


def test_every_voxel_is_looked_up_where_the_transform_says(pair):
    transform, initial = smooth_transform()
    case = make_case(pair, transform, initial)
    moving = nib.load(pair.moving.image).get_fdata()
    labels = np.asarray(nib.load(pair.moving.labels).dataobj)
    seen = 0
    for voxel in np.random.default_rng(0).integers(0, FIXED, (60, 3)):
        place = FIXED_AFFINE[:3, :3] @ voxel + FIXED_AFFINE[:3, 3]
        for mapped, image, carried in (
            (transform.map(place[None])[0], case.moved, case.moved_labels),
            (initial.map(place[None])[0], case.moving, case.moving_labels),
        ):
            expected = value_at(moving, MOVING_AFFINE, mapped, 1)
            if expected is not None:
                seen += 1
                assert image[tuple(voxel)] == pytest.approx(expected, abs=2e-3)
                assert carried[tuple(voxel)] == value_at(labels, MOVING_AFFINE, mapped, 0)
        shift = FIXED_AFFINE[:3, :3] @ case.displacement[tuple(voxel)]
        np.testing.assert_allclose(shift, transform.map(place[None])[0] - place, atol=1e-3)
    assert seen > 60


def test_turned_the_fixed_scan_is_looked_up_on_the_moving_grid(pair, tmp_path):
    """With any transform at all: that it is the inverse is the caller's business."""
    mask = np.zeros(MOVING, np.uint8)
    mask[2:5] = 1
    masked = replace(pair.moving, mask=save(tmp_path, "mask", mask, MOVING_AFFINE))
    transform, initial = smooth_transform()
    turned = Scans.read(Pair(masked, pair.fixed), initial).turned()
    case = turned.case(transform)
    assert case.pair == "moving_to_fixed"
    np.testing.assert_allclose(case.affine, MOVING_AFFINE)
    np.testing.assert_array_equal(case.fixed_mask, mask)
    labels = {name: np.asarray(nib.load(getattr(pair, name).labels).dataobj) for name in ("moving", "fixed")}
    np.testing.assert_array_equal(case.fixed_labels, labels["moving"])
    seen = 0
    for voxel in np.random.default_rng(0).integers(0, MOVING, (60, 3)):
        place = MOVING_AFFINE[:3, :3] @ voxel + MOVING_AFFINE[:3, 3]
        for mapped, carried in (
            (transform.map(place[None])[0], case.moved_labels),
            (place - [1.0, -2.0, 0.5], case.before().moved_labels),  # the affine start, undone
        ):
            expected = value_at(labels["fixed"], FIXED_AFFINE, mapped, 0)
            if expected is not None:
                seen += 1
                assert carried[tuple(voxel)] == expected
        shift = MOVING_AFFINE[:3, :3] @ case.displacement[tuple(voxel)]
        np.testing.assert_allclose(shift, transform.map(place[None])[0] - place, atol=1e-3)
    assert seen > 30
    points = np.array([[1.5, -2, 3], [4, 1, -2.5]])
    np.testing.assert_allclose(case.warped_points_mm, transform.map(points))
    np.testing.assert_allclose(case.before().warped_points_mm, points - [1.0, -2.0, 0.5])


def test_points_before_and_after(pair):
    transform, initial = smooth_transform()
    case = make_case(pair, transform, initial)
    points = np.array([[1.5, -2, 3], [4, 1, -2.5]])
    np.testing.assert_allclose(case.fixed_points_mm, points)
    np.testing.assert_allclose(case.warped_points_mm, transform.map(points))
    np.testing.assert_allclose(case.before().warped_points_mm, points + [1.0, -2.0, 0.5])


def test_without_start_before_is_where_the_headers_say(pair):
    case = make_case(pair, Transform())
    np.testing.assert_allclose(case.displacement, 0.0, atol=1e-4)
    np.testing.assert_allclose(case.moving, case.moved, atol=1e-4)
    np.testing.assert_array_equal(case.moving_labels, case.moved_labels)


def test_what_a_pair_lacks_is_none(pair):
    bare = Pair(*(replace(scan, labels=None, points=None) for scan in (pair.moving, pair.fixed)))
    case = make_case(bare, Transform())
    lacking = [name for name, value in vars(case).items() if value is None]
    assert lacking == [
        *("fixed_labels", "moving_labels", "moved_labels", "fixed_mask"),
        *("fixed_points_mm", "moving_points_mm", "warped_points_mm", "initial_points_mm"),
    ]


def test_mask_is_read_and_must_lie_on_the_image(pair, tmp_path):
    mask = np.zeros(FIXED, np.uint8)
    mask[3:6] = 1
    masked = replace(pair.fixed, mask=save(tmp_path, "mask", mask, FIXED_AFFINE))
    assert make_case(Pair(pair.moving, masked), Transform()).fixed_mask.sum() == mask.sum()
    shifted = replace(pair.fixed, mask=save(tmp_path, "shifted", mask, affine((2.0, 2.0, 1.5), (0, 0, 0))))
    with pytest.raises(DataError, match=r"shifted\.nii\.gz: lies on another grid than its image .*fixed\.nii\.gz"):
        make_case(Pair(pair.moving, shifted), Transform())


def test_labels_on_another_grid_are_refused(pair):
    wrong = replace(pair.moving, labels=pair.fixed.labels)
    with pytest.raises(
        DataError, match=r"fixed_labels\.nii\.gz: lies on another grid than its image .*moving\.nii\.gz"
    ):
        make_case(Pair(wrong, pair.fixed), Transform())
