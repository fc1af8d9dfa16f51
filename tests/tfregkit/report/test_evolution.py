"""The picture of how fields come about."""

import nibabel as nib
import numpy as np
import pytest
from keras import ops
from matplotlib.image import imread

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.inference.registration import Registration
from tfregkit.report import evolution
from tfregkit.report.evolution import evolution_figure

SHAPE = (12, 20, 16)


@pytest.fixture
def images():
    rng = np.random.default_rng(5)
    return [nib.Nifti1Image(rng.random(SHAPE, dtype=np.float32), np.diag([2.0, 2.0, 2.0, 1.0])) for _ in range(2)]


def levels(field):
    """A network's `levels`, all fields of which are this one."""
    return {"P1": dict.fromkeys(evolution.FIELDS, ops.convert_to_tensor(field))}


def test_fields_are_drawn_where_they_are_and_as_large_as_they_are():
    """A level's field of one of its voxels along y is two voxels less a bit, and moves the image by as much."""
    field = np.zeros((1, 6, 10, 8, 3), np.float32)
    field[..., 1] = 9 / 19
    ramp = np.broadcast_to(np.arange(20.0, dtype=np.float32)[None, :, None], SHAPE)[None, ..., None]
    (row,) = evolution._rows(levels(field), ramp).values()
    np.testing.assert_allclose(row["velocity"][..., 1], 1.0, rtol=1e-5)
    np.testing.assert_allclose(row["moved"], np.minimum(ramp[0, ..., 0] + 1, 19), atol=1e-4)


def test_a_row_for_each_level_and_one_for_the_images(images, tmp_path):
    small = {"feature_filters": [2, 2], "matching_filters": [2], "regularization_filters": [], "steps": 2}
    registration = Registration(tfregkit.build("network", "propagative", **small), spacing=2.0)
    high = imread(evolution_figure(registration, *images, tmp_path / "a.png", plane="axial"))
    wide = imread(evolution_figure(registration, *images, tmp_path / "b.png", plane="sagittal"))
    assert high.shape[0] > wide.shape[0]
    assert np.ptp(high[..., :3], axis=(0, 1)).min() > 0.5
    assert not (set(tmp_path.iterdir()) - {tmp_path / "a.png", tmp_path / "b.png"})


def test_what_cannot_be_drawn(images, tmp_path):
    plain = {"encoder_filters": [2], "decoder_filters": [2, 2], "steps": 0}
    with pytest.raises(ConfigError, match="network `VoxelMorph` gives no `levels`"):
        evolution_figure(
            Registration(tfregkit.build("network", "voxelmorph", **plain), 2.0), *images, tmp_path / "a.png"
        )
    conditioned = tfregkit.build("network", "voxelmorph", **plain, conditioning="film")
    with pytest.raises(ConfigError, match="conditioned on lambda"):
        evolution_figure(Registration(conditioned, 2.0), *images, tmp_path / "a.png")
    with pytest.raises(ValueError, match="`plane` must be one of axial, coronal, sagittal"):
        evolution_figure(Registration(conditioned, 2.0), *images, tmp_path / "a.png", plane="side")
    assert not list(tmp_path.iterdir())
