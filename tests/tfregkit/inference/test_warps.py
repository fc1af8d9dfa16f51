"""The proof of the geometry: ITK and ANTs apply our warp files and must give our moved image."""

import json

import nibabel as nib
import numpy as np
import pytest
from world_grids import GRIDS, affine_matrix, displacement, grid, image

from tfregkit.data.volume import read_volume, working_grid, write_volume
from tfregkit.errors import DataError
from tfregkit.inference.field import Field, lattice
from tfregkit.inference.transform import Transform
from tfregkit.inference.warps import read_warp, sidecar_path, warp_image, write_warp

PAIRS = [
    ("ras", "ras"),
    ("las", "ras"),
    ("oblique", "anisotropic"),
    ("anisotropic", "oblique"),
    ("permuted", "oblique"),
    ("oblique", "permuted"),
]
LPS = np.array([-1.0, -1.0, 1.0])


def registered(fixed, start):
    """What a registration ends with: a field on the working grid and an affine start; and the inverse of both."""
    working = working_grid(fixed, 1.5, stride=8)
    field = Field.from_voxels(working, displacement(working))
    return Transform((field, start)), Transform((np.linalg.inv(start), field.inverted()))


@pytest.fixture(params=PAIRS, ids="-".join)
def case(request, tmp_path):
    """Moving and fixed image files on unequal grids, and the files of a warp and its inverse between them."""
    moving, fixed = (image(GRIDS[name], seed) for seed, name in enumerate(request.param))
    transform, inverse = registered(fixed.grid, affine_matrix(3))
    for name, volume in {"moving": moving, "fixed": fixed}.items():
        write_volume(tmp_path / f"{name}.nii.gz", volume.data, volume.grid)
    for form in ("ants", "nifti"):
        write_warp(tmp_path / f"{form}.nii.gz", warp_image(transform.on_grid(fixed.grid), fixed.grid, form), form, {})
        write_warp(
            tmp_path / f"{form}_inverse.nii.gz", warp_image(inverse.on_grid(moving.grid), moving.grid, form), form, {}
        )
    return tmp_path, moving, fixed, transform, inverse


def _itk_warp(path):
    import SimpleITK as sitk

    return sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))


@pytest.mark.parametrize("form", ["ants", "nifti"])
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_simpleitk_applies_our_warp_and_gets_our_moved_image(case, form, direction):
    sitk = pytest.importorskip("SimpleITK")
    folder, moving, fixed, transform, inverse = case
    if direction == "inverse":
        moving, fixed, transform = fixed, moving, inverse
    names = ("moving", "fixed") if direction == "forward" else ("fixed", "moving")
    source, reference = (sitk.ReadImage(str(folder / f"{name}.nii.gz"), sitk.sitkFloat32) for name in names)
    warp = _itk_warp(folder / f"{form}{'_inverse' if direction == 'inverse' else ''}.nii.gz")

    theirs = sitk.GetArrayFromImage(sitk.Resample(source, reference, warp, sitk.sitkLinear, 0.0)).transpose(2, 1, 0)
    ours = transform.resample(moving, fixed.grid)

    assert ours.max() > 20  # the image is there, not only background
    np.testing.assert_allclose(ours, theirs, atol=0.02)


def test_simpleitk_moves_points_where_we_do(case):
    pytest.importorskip("SimpleITK")
    folder, _, fixed, transform, _ = case
    warp = _itk_warp(folder / "ants.nii.gz")
    inside = np.random.default_rng(5).uniform(2, np.array(fixed.grid.shape) - 3, size=(41, 3))
    points = fixed.grid.voxel_to_world(inside)

    theirs = np.array([warp.TransformPoint(tuple(point)) for point in points * LPS]) * LPS
    from_file = Transform((read_warp(folder / "ants.nii.gz"),)).map(points)

    assert np.linalg.norm(theirs - points, axis=1).max() > 2
    assert np.linalg.norm(from_file - theirs, axis=1).max() < 1e-3
    assert np.linalg.norm(transform.map(points) - theirs, axis=1).max() < 0.1


@pytest.mark.parity
def test_ants_applies_our_warp_and_gets_our_moved_image(case):
    ants = pytest.importorskip("ants")
    folder, moving, fixed, transform, inverse = case
    images = {name: ants.image_read(str(folder / f"{name}.nii.gz")) for name in ("moving", "fixed")}

    moved = ants.apply_transforms(images["fixed"], images["moving"], [str(folder / "ants.nii.gz")]).numpy()
    back = ants.apply_transforms(images["moving"], images["fixed"], [str(folder / "ants_inverse.nii.gz")]).numpy()

    np.testing.assert_allclose(transform.resample(moving, fixed.grid), moved, atol=0.02)
    np.testing.assert_allclose(inverse.resample(fixed, moving.grid), back, atol=0.02)


@pytest.mark.parity
def test_ants_moves_points_where_we_do(case):
    ants = pytest.importorskip("ants")
    pandas = pytest.importorskip("pandas")
    folder, _, fixed, transform, _ = case
    inside = np.random.default_rng(6).uniform(2, np.array(fixed.grid.shape) - 3, size=(17, 3))
    points = fixed.grid.voxel_to_world(inside)

    table = pandas.DataFrame(points * LPS, columns=["x", "y", "z"])
    theirs = ants.apply_transforms_to_points(3, table, [str(folder / "ants.nii.gz")]).to_numpy()[:, :3] * LPS

    assert np.linalg.norm(transform.map(points) - theirs, axis=1).max() < 0.1


def test_inverse_undoes_the_warp(case):
    _, _, fixed, transform, inverse = case
    middle = np.random.default_rng(7).uniform(0.25, 0.75, size=(53, 3)) * np.array(fixed.grid.shape)
    points = fixed.grid.voxel_to_world(middle)
    assert np.linalg.norm(inverse.map(transform.map(points)) - points, axis=1).max() < 0.1


@pytest.mark.parametrize("form", ["ants", "nifti", "voxel"])
def test_every_form_is_read_back_as_it_was_written(form, tmp_path):
    fixed = GRIDS["oblique"]
    transform, _ = registered(fixed, affine_matrix(4))
    write_warp(tmp_path / "w.nii.gz", warp_image(transform.on_grid(fixed), fixed, form), form, {"lambda": 0.1})
    again = read_warp(tmp_path / "w.nii.gz")
    vectors_mm = transform.on_grid(fixed) - lattice(fixed.affine, fixed.shape)
    np.testing.assert_allclose(again.vectors_mm, vectors_mm, atol=1e-4)
    sidecar = json.loads((tmp_path / "w.json").read_text())
    assert sidecar["form"] == form
    assert sidecar["lambda"] == 0.1


def test_forms_differ_on_disk_as_documented(tmp_path):
    fixed = grid((11, 7, 5), np.diag([-1.0, 1.0, 1.0]), (2.0, 3.0, 4.0))
    shift = np.eye(4)
    shift[:3, 3] = (1.0, 6.0, -8.0)  # RAS mm
    images = {form: warp_image(Transform((shift,)).on_grid(fixed), fixed, form) for form in ("ants", "nifti", "voxel")}
    values = {form: np.unique(np.asarray(i.dataobj).reshape(-1, 3).round(4), axis=0) for form, i in images.items()}
    np.testing.assert_allclose(values["ants"], [[-1, -6, -8]])
    np.testing.assert_allclose(values["nifti"], [[1, 6, -8]])
    np.testing.assert_allclose(values["voxel"], [[-0.5, 2, -2]])  # the first axis points left
    assert [images[form].shape for form in values] == [(11, 7, 5, 1, 3), (11, 7, 5, 1, 3), (11, 7, 5, 3)]
    assert [int(images[form].header["intent_code"]) for form in values] == [1007, 1006, 0]


def test_voxel_form_is_what_map_coordinates_takes():
    from scipy.ndimage import map_coordinates

    fixed = GRIDS["oblique"]
    moving = image(fixed, seed=2)
    transform, _ = registered(fixed, np.eye(4))
    u = np.asarray(warp_image(transform.on_grid(fixed), fixed, "voxel").dataobj)
    identity = np.indices(fixed.shape)
    theirs = map_coordinates(moving.data, identity + np.moveaxis(u, -1, 0), order=1)
    np.testing.assert_allclose(transform.resample(moving, fixed), theirs, atol=0.02)


def test_itk_form_is_refused_on_a_sheared_grid():
    sheared = grid((5, 7, 11), np.array([[1.0, 0.2, 0], [0, 1, 0], [0, 0, 1]]), (1, 1, 1))
    with pytest.raises(DataError, match="not at right angles.*--warp-format nifti"):
        warp_image(Transform().on_grid(sheared), sheared, "ants")
    assert warp_image(Transform().on_grid(sheared), sheared, "nifti").shape == (5, 7, 11, 1, 3)


def test_a_file_that_is_no_warp_is_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((3, 5, 7, 1, 3), np.float32), np.eye(4)), tmp_path / "w.nii.gz")
    with pytest.raises(DataError, match="w.nii.gz: is no warp this program knows.*intent 0"):
        read_warp(tmp_path / "w.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((3, 5, 7), np.float32), np.eye(4)), tmp_path / "i.nii.gz")
    with pytest.raises(DataError, match="i.nii.gz: is no displacement field"):
        read_warp(tmp_path / "i.nii.gz")


def test_a_sidecar_that_contradicts_the_header_is_refused(tmp_path):
    path = tmp_path / "w.nii.gz"
    write_warp(path, warp_image(Transform().on_grid(GRIDS["ras"]), GRIDS["ras"], "ants"), "ants", {})
    sidecar_path(path).write_text('{"form": "nifti"}')
    with pytest.raises(DataError, match="the header says the form `ants`, its sidecar w.json says `nifti`"):
        read_warp(path)


def test_resampling_once_is_the_composition_not_two_resamplings():
    """A shift by +0.5 and one by -0.5 voxel compose to the identity; two resamplings would blur."""
    moving = image(GRIDS["ras"], seed=4)
    half = np.eye(4)
    half[0, 3] = 0.5
    field = Field(moving.grid, np.zeros((3, *moving.grid.shape), np.float32))
    moved = Transform((half, field, np.linalg.inv(half))).resample(moving, moving.grid)
    np.testing.assert_allclose(moved, moving.data, atol=1e-3)


def test_labels_stay_labels(tmp_path):
    fixed = GRIDS["anisotropic"]
    moving = image(GRIDS["oblique"], seed=1)
    moving.data = np.rint(moving.data / 10).astype(np.int32) * 7
    transform, _ = registered(fixed, affine_matrix(3))
    moved = transform.resample(moving, fixed, interpolation="nearest")
    assert moved.dtype == np.int32
    assert set(np.unique(moved)) <= set(np.unique(moving.data))
    write_volume(tmp_path / "l.nii.gz", moved, fixed)
    np.testing.assert_array_equal(read_volume(tmp_path / "l.nii.gz", labels=True).data, moved)
