"""Reading and writing of images: geometry, types, and every bad input."""

import gzip
import re
import tracemalloc
import warnings

import nibabel as nib
import numpy as np
import pytest
from world_grids import GRIDS, image, rotation

from tfregkit.data.volume import (
    Grid,
    Volume,
    check_overlap,
    nifti_image,
    overlap,
    read_grid,
    read_volume,
    resample,
    same_grid,
    working_grid,
    write_volume,
)
from tfregkit.errors import DataError

SHAPE = (5, 7, 11)


def save(path, data, affine=None, **header):
    nifti = nib.Nifti1Image(data, np.eye(4) if affine is None else affine)
    for key, value in header.items():
        nifti.header[key] = value
    nib.save(nifti, path)
    return path


def patch(path, data, **fields):
    """A `.nii` file whose header fields are overwritten byte by byte, as no library would write them."""
    raw = bytearray(save(path, data).read_bytes())
    offsets = {"scl_slope": 112, "scl_inter": 116, "qform_code": 252, "sform_code": 254, "pixdim": 76, "srow": 280}
    for key, value in fields.items():
        field = np.atleast_1d(np.array(value, np.int16 if key.endswith("code") else np.float32)).tobytes()
        raw[offsets[key] : offsets[key] + len(field)] = field
    path.write_bytes(raw)
    return path


def ramp(shape=SHAPE, dtype=np.int16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("name", GRIDS)
def test_written_image_is_read_back_on_the_same_grid(name, tmp_path):
    volume = image(GRIDS[name])
    write_volume(tmp_path / "i.nii.gz", volume.data, volume.grid)
    again = read_volume(tmp_path / "i.nii.gz")
    assert same_grid(again.grid, volume.grid)
    np.testing.assert_array_equal(again.data, volume.data)
    assert again.data.dtype == np.float32


def test_our_grid_is_itks(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    volume = image(GRIDS["oblique"])
    write_volume(tmp_path / "i.nii.gz", volume.data, volume.grid)
    theirs = sitk.ReadImage(str(tmp_path / "i.nii.gz"))
    index = (3, 20, 11)
    lps = np.array(theirs.TransformIndexToPhysicalPoint(index))
    np.testing.assert_allclose(volume.grid.voxel_to_world(np.array(index)), lps * (-1, -1, 1), atol=1e-3)


def test_moved_image_keeps_integer_type_rounded_and_clipped(tmp_path):
    like = read_volume(save(tmp_path / "i.nii.gz", ramp(dtype=np.uint8)))
    out = nifti_image(np.full(SHAPE, 1.6, np.float32), like.grid, like=like)
    assert out.get_data_dtype() == np.uint8
    assert np.asarray(out.dataobj).max() == 2
    assert np.asarray(nifti_image(np.full(SHAPE, 300.0, np.float32), like.grid, like=like).dataobj).max() == 255
    assert np.asarray(nifti_image(np.full(SHAPE, -9.0, np.float32), like.grid, like=like).dataobj).max() == 0


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_wide_integer_types_are_kept_and_clipped_not_wrapped(dtype, tmp_path):
    """NumPy's default integers are what many label maps are stored as; float32 cannot hold the largest of any."""
    path = tmp_path / "i.nii.gz"
    nib.save(nib.Nifti1Image(ramp(dtype=dtype), np.eye(4), dtype=dtype), path)
    like = read_volume(path, labels=True)
    assert like.integers == dtype
    write_volume(tmp_path / "o.nii.gz", like.data, like.grid, like=like)
    again = nib.load(tmp_path / "o.nii.gz")
    assert again.get_data_dtype() == dtype
    np.testing.assert_array_equal(again.dataobj, ramp())
    most = np.asarray(nifti_image(np.full(SHAPE, 1e30, np.float32), like.grid, like=like).dataobj)
    assert most.min() > 0.999 * np.iinfo(dtype).max


def test_scale_factors_are_applied_and_such_images_are_written_as_float(tmp_path):
    volume = read_volume(patch(tmp_path / "i.nii", ramp(), scl_slope=0.5, scl_inter=-3.0))
    np.testing.assert_allclose(volume.data, ramp() * 0.5 - 3)
    assert nifti_image(volume.data, volume.grid, like=volume).get_data_dtype() == np.float32


def test_scale_factors_that_overflow_are_refused(tmp_path):
    path = patch(tmp_path / "i.nii", ramp(), scl_slope=3e38, scl_inter=0.0)
    with pytest.raises(DataError, match="i.nii: .* NaN or infinite \\(or beyond float32\\)"):
        read_volume(path)


def test_units_other_than_mm_are_converted(tmp_path):
    nifti = nib.Nifti1Image(ramp(), np.diag([250.0, 500.0, 100.0, 1.0]))
    nifti.header.set_xyzt_units("micron")
    nib.save(nifti, tmp_path / "i.nii.gz")
    np.testing.assert_allclose(read_volume(tmp_path / "i.nii.gz").grid.spacing, [0.25, 0.5, 0.1])


def test_trailing_axes_of_one_are_dropped_and_nibabel_images_are_taken():
    nifti = nib.Nifti1Image(ramp((5, 7, 11, 1, 1)), np.eye(4))
    assert read_volume(nifti).data.shape == SHAPE
    assert read_grid(nifti).shape == SHAPE


def test_large_label_numbers_stay_exact(tmp_path):
    labels = np.zeros(SHAPE, np.int32)
    labels[2, 3, 4] = 614454277  # beyond float32's whole numbers
    assert read_volume(save(tmp_path / "l.nii.gz", labels), labels=True).data[2, 3, 4] == 614454277


BAD = {
    "four_dimensional": (lambda p: save(p, ramp((3, 5, 7, 2))), "has 4 dimensions .* Pick one of its 2 volumes"),
    "two_dimensional": (lambda p: save(p, ramp((3, 5))), "has 2 dimension"),
    "warp": (lambda p: save(p, np.zeros((3, 5, 7, 1, 3), np.float32)), "looks like a displacement field"),
    "nan": (lambda p: save(p, np.where(ramp() == 80, np.nan, 1.0)), r"1 of 385 voxels are NaN .* at voxel \(1, 0, 3\)"),
    "infinite": (lambda p: save(p, np.where(ramp() == 80, np.inf, 1.0)), "NaN or infinite"),
    "no_nifti": (lambda p: p.write_bytes(b"hello" * 200), "is not a NIfTI image that can be read"),
    "empty": (lambda p: p.write_bytes(b""), r"the file is empty \(0 bytes\)"),
    "complex": (lambda p: save(p, np.ones(SHAPE, np.complex64)), "expected one real number each"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_image_gets_one_clear_error(kind, tmp_path):
    make, message = BAD[kind]
    path = tmp_path / "bad.nii.gz"
    make(path)
    with pytest.raises(DataError, match=f"bad.nii.gz: .*{message}"):
        read_volume(path)


def test_zero_singular_and_nonfinite_sforms_are_refused(tmp_path):
    for rows in (np.zeros(12), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0]):
        path = patch(tmp_path / "i.nii", ramp(), srow=rows)
        with pytest.raises(DataError, match="i.nii: the affine is zero or singular.* Repair the header"):
            read_volume(path)
    with pytest.raises(DataError, match="i.nii: the affine is not a finite 4x4 matrix"):
        read_volume(patch(tmp_path / "i.nii", ramp(), srow=np.full(12, np.nan)))


def test_truncated_file_is_refused(tmp_path):
    whole = gzip.compress(save(tmp_path / "w.nii", np.random.default_rng(0).normal(size=(17, 19, 23))).read_bytes())
    for share in (0.02, 0.5, 0.99):
        (tmp_path / "t.nii.gz").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match="t.nii.gz: .*(truncated or damaged|is not a NIfTI image)"):
            read_volume(tmp_path / "t.nii.gz")
    raw = (tmp_path / "w.nii").read_bytes()
    (tmp_path / "u.nii").write_bytes(raw[:-100])
    with pytest.raises(DataError, match="u.nii: the voxel data are truncated"):
        read_volume(tmp_path / "u.nii")


def test_missing_file_folder_and_wrong_type_are_refused(tmp_path):
    with pytest.raises(DataError, match="none.nii.gz: there is no such file"):
        read_volume(tmp_path / "none.nii.gz")
    with pytest.raises(DataError, match="is a folder"):
        read_volume(tmp_path)
    with pytest.raises(DataError, match="a path or a nibabel image. Received: ndarray"):
        read_volume(np.zeros(SHAPE))


def test_labels_that_are_not_whole_numbers_are_refused(tmp_path):
    path = save(tmp_path / "l.nii.gz", np.where(ramp() == 80, 2.5, 1.0))
    with pytest.raises(DataError, match="l.nii.gz: a label map needs whole numbers .* 2.5"):
        read_volume(path, labels=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.uint32, ">i2", np.float32])
def test_label_maps_of_every_type_are_int32(tmp_path, dtype):
    labels = (ramp() % 100).astype(dtype)
    found = read_volume(save(tmp_path / "l.nii.gz", labels), labels=True).data
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, ramp() % 100)


@pytest.mark.parametrize(("dtype", "value"), [(np.uint32, 3_000_000_000), (np.float64, 2.0**33)])
def test_labels_beyond_int32_are_refused(tmp_path, dtype, value):
    labels = np.zeros(SHAPE, dtype)
    labels[2, 3, 4] = value
    with pytest.raises(DataError, match=f"l.nii.gz: a label map needs whole numbers .* {re.escape(f'{value:g}')}"):
        read_volume(save(tmp_path / "l.nii.gz", labels), labels=True)


def test_integer_label_maps_are_not_read_as_real_numbers(tmp_path):
    """Whole CTs have 10^8 voxels: 8 bytes for each are too many."""
    labels = (np.arange(1_000_000) % 7).reshape(100, 100, 100).astype(np.uint8)
    path = save(tmp_path / "l.nii", labels)
    tracemalloc.start()
    read_volume(path, labels=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 7 * labels.size


def test_ambiguous_headers_are_warned_about(tmp_path):
    nifti = nib.Nifti1Image(ramp(), np.eye(4))
    nifti.set_sform(np.eye(4), 2)
    shifted = np.eye(4)
    shifted[0, 3] = 30
    nifti.set_qform(shifted, 1)
    nib.save(nifti, tmp_path / "i.nii.gz")
    with pytest.warns(UserWarning, match="i.nii.gz: the header's sform and qform disagree; the sform is used"):
        volume = read_volume(tmp_path / "i.nii.gz")
    np.testing.assert_allclose(volume.grid.affine, np.eye(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_volume(tmp_path / "o.nii.gz", volume.data, GRIDS["oblique"].__class__(SHAPE, GRIDS["oblique"].affine))
        read_volume(tmp_path / "o.nii.gz")


def test_a_header_without_geometry_is_used_as_nibabel_does_with_a_warning(tmp_path):
    path = patch(tmp_path / "i.nii", ramp(), sform_code=0, qform_code=0, pixdim=[1, 2, 3, 4])
    with pytest.warns(UserWarning, match="i.nii: the header has neither sform nor qform"):
        grid = read_volume(path).grid
    np.testing.assert_allclose(grid.spacing, [2, 3, 4])
    np.testing.assert_allclose(grid.centre_mm, 0)


def test_images_without_overlap_are_refused_with_the_remedy():
    far = np.eye(4)
    far[:3, 3] = 500
    a, b = Volume(ramp(), Grid(SHAPE, np.eye(4))), Volume(ramp(), Grid(SHAPE, far))
    with pytest.raises(DataError, match="do not overlap in the world.*--init moments"):
        check_overlap(a, b)
    check_overlap(a, a)


def test_overlap_is_the_share_of_the_smaller_field_of_view():
    half = np.eye(4)
    half[0, 3] = 20
    a, b = Grid((41, 11, 11), np.eye(4)), Grid((41, 11, 11), half)
    assert overlap(a, a) == 1.0
    assert overlap(a, b) == pytest.approx(5 / 9)  # 20.5 of 41: five of nine lattice planes
    assert overlap(Grid((3, 3, 3), a.affine), a) == 1.0


def test_same_grid_allows_rounding_only():
    a = GRIDS["oblique"]
    near, moved = a.affine.copy(), a.affine.copy()
    near[0, 3] += 1e-4
    moved[0, 3] += 0.1
    assert same_grid(a, Grid(a.shape, near))
    assert not same_grid(a, Grid(a.shape, moved))
    assert not same_grid(a, Grid(a.shape[::-1], a.affine))


def test_wrong_name_to_write_to_is_refused_and_nothing_left(tmp_path):
    with pytest.raises(DataError, match="is written as .nii or .nii.gz"):
        write_volume(tmp_path / "o.png", ramp(), Grid(SHAPE, np.eye(4)))
    assert not list(tmp_path.iterdir())


def test_resample_of_a_ramp_in_the_world_is_exact():
    source, target = GRIDS["anisotropic"], GRIDS["oblique"]
    slopes = np.array([1.0, -2.0, 0.5])
    where = np.stack(np.meshgrid(*(np.arange(n) for n in source.shape), indexing="ij"), axis=-1)
    volume = Volume((source.voxel_to_world(where) @ slopes).astype(np.float32), source)
    got = resample(volume, target, fill=np.nan, antialias=False)
    where = np.stack(np.meshgrid(*(np.arange(n) for n in target.shape), indexing="ij"), axis=-1)
    world = target.voxel_to_world(where)
    inside = np.all(
        (source.world_to_voxel(world) >= 0) & (source.world_to_voxel(world) <= np.array(source.shape) - 1), -1
    )
    assert inside.sum() > 1000
    np.testing.assert_allclose(got[inside], (world @ slopes)[inside], atol=1e-3)
    assert np.isnan(got).any()


def test_resample_fills_outside_or_continues_the_edge():
    volume = Volume(ramp((3, 3, 3)).astype(np.float32) + 1, Grid((3, 3, 3), np.eye(4)))
    shifted = np.eye(4)
    shifted[0, 3] = 2.4
    grid = Grid((2, 3, 3), shifted)  # the first plane lies in the outer half voxel, the second outside
    filled = resample(volume, grid, fill=-7.0)
    np.testing.assert_allclose(filled[0], volume.data[2])
    np.testing.assert_allclose(filled[1], -7)
    np.testing.assert_allclose(resample(volume, grid, fill="edge")[1], volume.data[2])


def test_antialiasing_keeps_fine_detail_from_turning_into_patterns():
    noise = np.random.default_rng(0).normal(size=(48, 48, 48)).astype(np.float32)
    volume = Volume(noise, Grid(noise.shape, np.eye(4)))
    coarse = working_grid(volume.grid, 4.0)
    plain, smooth = (resample(volume, coarse, antialias=on)[2:-2, 2:-2, 2:-2].std() for on in (False, True))
    assert smooth < 0.5 * plain


@pytest.mark.parametrize("name", GRIDS)
def test_working_grid_covers_the_field_of_view(name):
    grid = GRIDS[name]
    working = working_grid(grid, (1.5, 2.0, 1.0), stride=16)
    assert all(n % 16 == 0 for n in working.shape)
    np.testing.assert_allclose(working.affine[:3, :3], np.diag([1.5, 2.0, 1.0]))
    np.testing.assert_allclose(working.centre_mm, grid.centre_mm, atol=1e-9)
    inside = working.world_to_voxel(grid.corners_mm())
    assert inside.min() > -0.51
    assert np.all(inside.max(axis=0) < np.array(working.shape) - 0.49)


def test_working_grid_of_a_fitting_image_is_its_flip_and_no_larger():
    las = Grid((32, 48, 16), np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert working_grid(las, 1.0, stride=16).shape == (32, 48, 16)
    assert working_grid(las, 1.0, shape=(16, 16, 16)).shape == (16, 16, 16)
    with pytest.raises(DataError, match="`shape` must be three multiples of 16"):
        working_grid(las, 1.0, stride=16, shape=(16, 17, 16))
    with pytest.raises(DataError, match="`spacing` must be positive"):
        working_grid(las, 0.0)


def test_grid_refuses_a_nonsense_affine():
    with pytest.raises(DataError, match="not a finite 4x4 matrix"):
        Grid(SHAPE, np.full((4, 4), np.nan))
    assert Grid(SHAPE, np.diag([1e-3, 1e-3, 1e-3, 1.0])).spacing == pytest.approx(1e-3)
    sheared = np.eye(4)
    sheared[0, 1] = 0.1
    assert not Grid(SHAPE, sheared).orthogonal
    turned = np.eye(4)
    turned[:3, :3] = rotation(10, 20, 30) * (1, 2, 3)
    assert Grid(SHAPE, turned).orthogonal
