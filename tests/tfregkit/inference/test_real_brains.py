"""The geometry on real headers: a brain in its native pose and the MNI template, whose worlds do not even meet."""

import os
from pathlib import Path

import numpy as np
import pytest
from world_grids import displacement

from tfregkit.data.volume import overlap, read_volume, working_grid
from tfregkit.inference.affine_file import read_affine
from tfregkit.inference.field import Field
from tfregkit.inference.transform import Transform
from tfregkit.inference.warps import warp_image, write_warp

DATA = Path(os.environ.get("TFREGKIT_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
MOVING, AFFINE = (DATA / "brain_native" / name for name in ("s1000_T1_native.nii.gz", "s1000_to_mni_affine.tfm"))
FIXED = DATA / "atlas_mni152" / "MNI152_T1.nii.gz"
pytestmark = pytest.mark.skipif(not MOVING.is_file(), reason="the shared brain images are not here")


def test_itk_moves_a_native_brain_to_the_template_as_we_do(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    moving, fixed = read_volume(MOVING), read_volume(FIXED)
    assert overlap(moving.grid, fixed.grid) == 0
    working = working_grid(fixed.grid, 4.0, stride=16)
    transform = Transform((Field.from_voxels(working, displacement(working, 6.0)), read_affine(AFFINE)))
    write_warp(tmp_path / "w.nii", warp_image(transform.on_grid(fixed.grid), fixed.grid), "ants", {})
    ours = transform.resample(moving, fixed.grid)

    warp = sitk.DisplacementFieldTransform(sitk.ReadImage(str(tmp_path / "w.nii"), sitk.sitkVectorFloat64))
    images = (sitk.ReadImage(str(path), sitk.sitkFloat32) for path in (MOVING, FIXED))
    theirs = sitk.GetArrayFromImage(sitk.Resample(*images, warp, sitk.sitkLinear, 0.0)).transpose(2, 1, 0)
    assert np.abs(ours - theirs).max() < 1e-4 * ours.max()
    assert np.corrcoef(ours.ravel(), fixed.data.ravel())[0, 1] > 0.8  # the brain is where the template is
