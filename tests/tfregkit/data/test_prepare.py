import nibabel as nib
import numpy as np
import pytest
from scan_files import write_labels, write_scan

from tfregkit.data.base import Subject
from tfregkit.data.grid import Grid
from tfregkit.data.prepare import common_grid, prepare_image, prepare_labels, prepare_mask
from tfregkit.data.settings import GridSettings, NormalisationSettings
from tfregkit.data.volume import read_volume, resample
from tfregkit.errors import DataError

NONE = NormalisationSettings(mode="none")


def at(x, y, z, spacing=1.0):
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = x, y, z
    return affine


def scan(path, **kwargs):
    return Subject(id=path.name, image=write_scan(path, **kwargs))


def test_the_default_grid_is_that_of_the_scans_padded_to_the_stride(tmp_path):
    scans = [scan(tmp_path / f"{i}.nii", affine=at(3, 4, 5, 2.0)) for i in range(2)]
    grid = common_grid(scans, GridSettings(), stride=4)
    assert grid.shape == (8, 8, 12)
    np.testing.assert_allclose(grid.spacing, 2)
    np.testing.assert_allclose(grid.centre_mm, [3 + 4, 4 + 6, 5 + 10])


def test_resample_covers_all_scans_in_the_world(tmp_path):
    scans = [scan(tmp_path / "a.nii", affine=at(0, 0, 0)), scan(tmp_path / "b.nii", affine=at(-2, 3, 0))]
    grid = common_grid(scans, GridSettings())
    assert grid.shape == (7, 10, 11)
    np.testing.assert_allclose(grid.affine, at(-2, 0, 0), atol=1e-9)


@pytest.mark.parametrize("mode", ["centre", "crop_pad"])
def test_the_other_modes_cover_the_largest_scan(tmp_path, mode):
    scans = [
        scan(tmp_path / "a.nii", shape=(5, 11, 3)),
        scan(tmp_path / "b.nii", shape=(7, 2, 3), affine=at(900, 0, 0)),
    ]
    assert common_grid(scans, GridSettings(mode=mode)).shape == (7, 11, 3)


def test_a_reference_gives_field_of_view_and_spacing(tmp_path):
    scans = [scan(tmp_path / "a.nii")]
    reference = write_scan(tmp_path / "r.nii", shape=(4, 6, 8), affine=at(1, 1, 1, 1.5))
    grid = common_grid(scans, GridSettings(reference=reference))
    assert grid.shape == (4, 6, 8)
    np.testing.assert_allclose(grid.affine, at(1, 1, 1, 1.5), atol=1e-9)
    assert common_grid(scans, GridSettings(reference=reference, spacing=3.0)).shape == (2, 3, 4)


def test_the_spacing_of_turned_axes_is_that_along_r_a_s(tmp_path):
    affine = np.array([[0, 0, -3.0, 0], [2.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1]])
    grid = common_grid([scan(tmp_path / "a.nii", affine=affine)], GridSettings())
    np.testing.assert_allclose(grid.spacing, [3, 2, 1])
    assert grid.shape == (11, 5, 7)


def test_mixed_spacings_need_a_decision(tmp_path):
    scans = [scan(tmp_path / "a.nii"), scan(tmp_path / "b.nii", affine=at(0, 0, 0, 1.2))]
    with pytest.raises(
        DataError, match=r"different spacings: .*a\.nii 1x1x1 mm, .*b\.nii 1\.2x1\.2x1\.2 mm.*grid\.spacing"
    ):
        common_grid(scans, GridSettings())
    assert common_grid(scans, GridSettings(spacing=1.0)).shape == (6, 9, 14)


def test_scans_without_a_common_space_are_refused_or_centred(tmp_path):
    scans = [scan(tmp_path / "a.nii"), scan(tmp_path / "far.nii", affine=at(500, 0, 0))]
    with pytest.raises(DataError, match=r"far\.nii: lies outside the common field of view: .*grid\.mode: centre"):
        common_grid(scans, GridSettings())
    assert common_grid(scans, GridSettings(mode="centre")).shape == (5, 7, 11)


def test_a_shape_must_fit_the_stride(tmp_path):
    with pytest.raises(
        DataError, match=r"multiples of 16 for this network. Received: \[20, 32, 48\]; try \[32, 32, 48\]"
    ):
        common_grid([scan(tmp_path / "a.nii")], GridSettings(shape=(20, 32, 48)), stride=16)


def test_resample_is_the_world_resampling_of_the_normalised_scan(tmp_path):
    subject = scan(tmp_path / "a.nii", affine=at(1, -2, 3, 1.1))
    grid = Grid((4, 5, 6), at(0.5, 0, 2, 1.7))
    volume = read_volume(subject.image)
    low, high = volume.data.min(), volume.data.max()
    volume.data = (volume.data - low) / (high - low)
    expected = resample(volume, grid, fill=0.0)
    result = prepare_image(subject, grid, "resample", NormalisationSettings(percentiles=(0, 100)))
    np.testing.assert_allclose(result, expected, atol=1e-5)
    assert result.dtype == np.float32


def test_centre_puts_the_scans_centre_at_the_grids(tmp_path):
    here, far = (write_scan(tmp_path / f"{i}.nii", affine=at(x, 0, 0), seed=1) for i, x in enumerate((0, 777)))
    grid = common_grid([Subject(id="a", image=here)], GridSettings())
    for path in (here, far):
        result = prepare_image(Subject(id="x", image=path), grid, "centre", NONE)
        np.testing.assert_allclose(result, nib.load(path).get_fdata(), atol=1e-4)


def test_crop_pad_turns_crops_and_pads_without_interpolation(tmp_path):
    data = np.random.default_rng(0).uniform(2, 9, (5, 7, 11)).astype(np.float32)
    turned = nib.Nifti1Image(data, np.eye(4)).as_reoriented([[2, -1], [0, 1], [1, -1]])
    nib.save(turned, tmp_path / "t.nii")
    assert turned.shape == (7, 11, 5)
    result = prepare_image(Subject(id="t", image=tmp_path / "t.nii"), Grid((8, 5, 11), at(100, 0, 0)), "crop_pad", NONE)
    expected = np.full((8, 5, 11), data.min(), np.float32)
    expected[1:6] = data[:, 1:6]  # margins (8 - 5) // 2 = 1 and (5 - 7) // 2 = -1
    np.testing.assert_array_equal(result, expected)


def test_crop_pad_refuses_another_spacing(tmp_path):
    with pytest.raises(DataError, match=r"a\.nii: `grid.mode: crop_pad` does not resample"):
        prepare_image(scan(tmp_path / "a.nii", affine=at(0, 0, 0, 2.0)), Grid((5, 7, 11), np.eye(4)), "crop_pad", NONE)


def test_outside_is_the_scans_smallest_value(tmp_path):
    data = np.full((3, 5, 7), -800, np.int16)
    data[1] = 400
    path = write_scan(tmp_path / "ct.nii", data=data)
    result = prepare_image(Subject(id="ct", image=path), Grid((9, 5, 7), at(-3, 0, 0)), "resample", NONE)
    np.testing.assert_array_equal(result[:, 0, 0], [-800, -800, -800, -800, 400, -800, -800, -800, -800])


def test_labels_stay_labels_in_the_smallest_type(tmp_path):
    labels = write_labels(tmp_path / "seg.nii")
    subject = Subject(id="a", image=write_scan(tmp_path / "a.nii"), labels=labels)
    result = prepare_labels(subject, Grid((7, 7, 11), at(-1, 0, 0)), "resample")
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result[1:6], nib.load(labels).get_fdata())
    assert not result[[0, 6]].any()
    large = write_scan(tmp_path / "large.nii", data=np.full((5, 7, 11), 1035, np.int16))
    kept = prepare_labels(Subject(id="b", image=subject.image, labels=large), Grid((5, 7, 11), np.eye(4)), "resample")
    assert kept.dtype == np.uint16
    assert (kept == 1035).all()


def test_masks_are_shares(tmp_path):
    image = write_scan(tmp_path / "a.nii")
    inside = np.zeros((5, 7, 11), np.uint8)
    inside[:, :4] = 1
    mask = write_scan(tmp_path / "m.nii", data=inside)
    result = prepare_mask(Subject(id="a", image=image, mask=mask), Grid((5, 7, 11), at(0, 0.5, 0)), "resample")
    np.testing.assert_allclose(result[0, :, 0], [1, 1, 1, 0.5, 0, 0, 0])
    with pytest.raises(DataError, match=r"a\.nii: a mask has values from 0 to 1. Received: 1.* to "):
        prepare_mask(Subject(id="a", image=image, mask=image), Grid((5, 7, 11), np.eye(4)), "resample")


@pytest.mark.parametrize("kind", ["labels", "mask"])
def test_another_grid_than_the_images_is_refused(tmp_path, kind):
    image = write_scan(tmp_path / "a.nii")
    other = write_labels(tmp_path / "other.nii", affine=at(0, 0, 1))
    prepare = {"labels": prepare_labels, "mask": prepare_mask}[kind]
    with pytest.raises(DataError, match=r"other\.nii: lies on another grid than its image .*a\.nii"):
        prepare(Subject(id="a", image=image, **{kind: other}), Grid((5, 7, 11), np.eye(4)), "resample")


def test_the_mask_of_region_mask_is_read_and_checked(tmp_path):
    inside = np.zeros((5, 7, 11), np.uint8)
    inside[2:4] = 1
    mask = write_scan(tmp_path / "m.nii", data=inside)
    subject = Subject(id="a", image=write_scan(tmp_path / "a.nii"), mask=mask)
    settings = NormalisationSettings(mode="zscore", region="mask")
    result = prepare_image(subject, Grid((5, 7, 11), np.eye(4)), "resample", settings)
    assert result[2:4].mean() == pytest.approx(0, abs=1e-4)
    with pytest.raises(DataError, match=r"a\.nii: `normalisation.region: mask` needs a mask"):
        prepare_image(Subject(id="a", image=subject.image), Grid((5, 7, 11), np.eye(4)), "resample", settings)
