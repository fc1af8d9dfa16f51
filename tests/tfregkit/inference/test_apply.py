"""Warp files applied to images, labels and points."""

import nibabel as nib
import numpy as np
import pytest
from phantoms import Constant, fixed_image, moving_image
from world_grids import GRIDS, affine_matrix, grid

from tfregkit.data.volume import Volume, nifti_image, write_volume
from tfregkit.errors import DataError
from tfregkit.inference.affine_file import write_affine
from tfregkit.inference.apply import apply_to_image, outside, read_transform
from tfregkit.inference.points import read_points, write_points
from tfregkit.inference.registration import Registration
from tfregkit.inference.transform import Transform
from tfregkit.inference.warps import warp_image, write_warp


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Images, a registration of them with an affine start, and its warps on disk."""
    folder = tmp_path_factory.mktemp("files")
    moving, fixed = moving_image(GRIDS["las"], affine_matrix(2)), fixed_image(GRIDS["oblique"])
    write_volume(folder / "moving.nii.gz", moving.data, moving.grid)
    write_volume(folder / "fixed.nii.gz", fixed.data, fixed.grid)
    labels = (moving.data > 60).astype(np.int32) * 614454277  # a number float32 cannot hold
    write_volume(folder / "labels.nii.gz", labels, moving.grid)
    registration = Registration(Constant(), 1.5)
    result = registration.register(folder / "moving.nii.gz", folder / "fixed.nii.gz", init=affine_matrix(2))
    result.save(warp=folder / "warp.nii.gz", inverse_warp=folder / "inverse.nii.gz")
    return folder, result


def test_apply_gives_the_moved_image_and_labels(files):
    folder, result = files
    transform = read_transform([folder / "warp.nii.gz"])
    again = apply_to_image(folder / "moving.nii.gz", transform, folder / "fixed.nii.gz")
    np.testing.assert_allclose(np.asarray(again.dataobj), np.asarray(result.moved.dataobj), atol=0.01)
    labels = apply_to_image(folder / "labels.nii.gz", transform, interpolation="nearest")
    assert labels.get_data_dtype() == np.int32
    assert set(np.unique(np.asarray(labels.dataobj))) == {0, 614454277}
    np.testing.assert_array_equal(np.asarray(labels.dataobj), result.apply(folder / "labels.nii.gz"))


def test_a_chain_is_composed_from_the_reference_outwards(files, tmp_path):
    folder, result = files
    second = affine_matrix(8)
    write_affine(tmp_path / "a.tfm", second)
    transform = read_transform([folder / "warp.nii.gz", tmp_path / "a.tfm"])
    points = np.array([[6.0, -10.0, 4.0], [9.0, -12.0, 2.0]])
    np.testing.assert_allclose(transform.map(points), Transform((second,)).map(result.map_points(points)), atol=0.02)


@pytest.mark.parity
def test_ants_composes_a_chain_in_the_same_order(files, tmp_path):
    ants = pytest.importorskip("ants")
    folder, _ = files
    write_affine(tmp_path / "a.tfm", affine_matrix(8))
    chain = [folder / "warp.nii.gz", tmp_path / "a.tfm"]
    ours = apply_to_image(folder / "moving.nii.gz", read_transform(chain), folder / "fixed.nii.gz", fill=0.0)
    fixed, moving = (ants.image_read(str(folder / name)) for name in ("fixed.nii.gz", "moving.nii.gz"))
    theirs = ants.apply_transforms(fixed, moving, [str(path) for path in chain]).numpy()
    np.testing.assert_allclose(np.asarray(ours.dataobj), theirs, atol=0.05)


def test_wrong_spaces_are_refused(files, tmp_path):
    folder, _ = files
    transform = read_transform([folder / "warp.nii.gz"])
    far = grid((5, 7, 11), np.eye(3), (1, 1, 1), centre=(500, 0, 0))
    write_volume(tmp_path / "far.nii.gz", np.ones(far.shape, np.float32), far)
    with pytest.raises(DataError, match="lies outside the warp's grid.*inverse warp the moving one"):
        apply_to_image(folder / "moving.nii.gz", transform, tmp_path / "far.nii.gz")
    with pytest.raises(DataError, match="far.nii.gz: the transform leads nowhere into this image"):
        apply_to_image(tmp_path / "far.nii.gz", transform)
    write_affine(tmp_path / "a.tfm", np.eye(4))
    with pytest.raises(DataError, match="an affine has no grid of its own.*--reference"):
        apply_to_image(folder / "moving.nii.gz", read_transform([tmp_path / "a.tfm"]))


def test_fill_is_the_minimum_or_what_is_asked_for(tmp_path):
    small = Volume(np.full((5, 7, 11), -900.0, np.float32), grid((5, 7, 11), np.eye(3), (1, 1, 1)))
    small.data[2, 3, 5] = 50.0
    image = nifti_image(small.data, small.grid)
    large = GRIDS["ras"]
    write_warp(tmp_path / "w.nii.gz", warp_image(Transform().on_grid(large), large), "ants", {})
    transform = read_transform([tmp_path / "w.nii.gz"])
    assert np.asarray(apply_to_image(image, transform).dataobj)[0, 0, 0] == -900
    assert np.asarray(apply_to_image(image, transform, fill=7.0).dataobj)[0, 0, 0] == 7
    assert np.asarray(apply_to_image(image, transform, interpolation="nearest").dataobj)[0, 0, 0] == 0


def test_points_keep_their_columns_and_space(tmp_path):
    (tmp_path / "p.csv").write_text('name,X,y,z\n"a, left",1.5,-2,3\nb,4,5,6\n')
    points, rows = read_points(tmp_path / "p.csv", "lps")
    np.testing.assert_allclose(points, [[-1.5, 2, 3], [-4, -5, 6]])
    write_points(tmp_path / "q.csv", points + (1, 0, 0), rows, "lps")
    assert (tmp_path / "q.csv").read_text().splitlines() == [
        "name,X,y,z",
        '"a, left",0.500000,-2.000000,3.000000',
        "b,3.000000,5.000000,6.000000",
    ]
    write_points(tmp_path / "r.csv", points)
    np.testing.assert_allclose(read_points(tmp_path / "r.csv")[0], points)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "p.csv:1: points need the columns x, y, z .* missing: x, y, z"),
        ("x,y,z\n1,2,3\n1,2,three\n", "p.csv:3: x, y, z must be numbers"),
        ("x,y,z\n1,2\n", "p.csv:2: x, y, z must be numbers"),
        ("x,y,z\n1,2,nan\n", "p.csv:2: x, y, z must be finite"),
    ],
)
def test_bad_points_name_the_line(text, message, tmp_path):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_points(tmp_path / "p.csv")


def test_points_beyond_the_warp_are_counted(files):
    folder, result = files
    transform = read_transform([folder / "warp.nii.gz"])
    centre = result.fixed_volume.grid.centre_mm
    assert outside(np.stack([centre, centre + 300]), transform) == 1
    assert outside(np.zeros((1, 3)), Transform((np.eye(4),))) == 0


def test_a_result_written_by_nibabel_is_the_file_we_write(files, tmp_path):
    """`result.moved` and `result.warp` are ordinary images on the right grids."""
    _, result = files
    for name, image, on in (("m", result.moved, result.fixed_volume), ("i", result.inverse_warp, result.moving_volume)):
        nib.save(image, tmp_path / f"{name}.nii.gz")
        again = nib.load(tmp_path / f"{name}.nii.gz")
        assert again.shape[:3] == on.grid.shape
        np.testing.assert_allclose(again.affine, on.grid.affine, atol=1e-5)
