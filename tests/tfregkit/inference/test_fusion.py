"""Fusing images, with a network whose coding is known and with DenseFuse's."""

import keras
import nibabel as nib
import numpy as np
import pytest
from keras import ops
from phantoms import fixed_image
from references.fusion import l1_weights
from world_grids import GRIDS

import tfregkit
from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.turn import turned
from tfregkit.data.volume import nifti_image, read_volume
from tfregkit.errors import ConfigError, DataError
from tfregkit.inference import fusion as module
from tfregkit.inference.fusion import Fusion
from tfregkit.models.image_coder import ImageCoder

AS_STORED = NormalisationSettings(mode="none")


class Ramps(ImageCoder):
    """The image and its negative as maps; back by the first, plus a step that tells where along the slice one is."""

    def encode_image(self, image):
        return ops.concatenate([image, -image], axis=-1)

    def decode_image(self, maps):
        rows = ops.cast(ops.arange(maps.shape[1]), "float32")
        return maps[..., :1] + 1000.0 * rows[None, :, None, None]


def images(name="oblique"):
    """Two images on one grid, each with something the other has not."""
    grid = GRIDS[name]
    one = fixed_image(grid).data
    other = np.random.default_rng(2).uniform(0, 50, grid.shape).astype(np.float32)
    other[one > 60] = 0
    return [nifti_image(data, grid) for data in (one, other)]


def array(image):
    return np.asarray(image.dataobj)


@pytest.mark.parametrize("chunk", [2**18, 1500])
@pytest.mark.parametrize("name", ["ras", "permuted", "oblique"])
def test_slices_are_axial_and_come_back_to_their_place(name, chunk, monkeypatch):
    """The step of the network runs from left to right, whatever the order of the array's axes."""
    monkeypatch.setattr(module, "CHUNK_VOXELS", chunk)
    one, other = images(name)
    fused, story = Fusion(Ramps(), AS_STORED, AS_STORED).fuse(one, other, rule="addition")
    grid = GRIDS[name]
    expected = (
        turned(array(one) + array(other), grid) + 1000.0 * np.arange(turned(array(one), grid).shape[0])[:, None, None]
    )
    np.testing.assert_allclose(turned(array(fused), grid), expected, rtol=1e-5)
    np.testing.assert_allclose(fused.affine, one.affine, atol=1e-6)
    assert fused.get_data_dtype() == np.float32
    assert story["rule"] == "addition"


def test_l1_weighs_within_slices():
    one, other = images()
    fused, _ = Fusion(Ramps(), AS_STORED, AS_STORED).fuse(one, other)
    grid, z = GRIDS["oblique"], 9
    slices = [turned(array(image), grid)[:, :, z] for image in (one, other)]
    weights = l1_weights([np.stack([image, -image], -1) for image in slices])
    expected = weights[0] * slices[0] + weights[1] * slices[1] + 1000.0 * np.arange(len(slices[0]))[:, None]
    np.testing.assert_allclose(turned(array(fused), grid)[:, :, z], expected, rtol=1e-5)


def test_equal_images_give_the_autoencoders_output():
    keras.utils.set_random_seed(4)
    network = tfregkit.build("network", "densefuse", filters=3, dense_layers=2, decoder_filters=[4])
    one, _ = images()
    network({"fixed": np.zeros((1, 8, 8, 1), np.float32)})
    fused, _ = Fusion(network).fuse(one, one)
    volume = read_volume(one)
    data = volume.data / np.percentile(volume.data, 99.9)
    image = np.clip(turned(data, volume.grid), 0, 1)[None, ..., None].astype(np.float32)
    alone = ops.convert_to_numpy(network({"fixed": image})["reconstructions"]["fixed"])[0, ..., 0]
    np.testing.assert_allclose(turned(array(fused), volume.grid), alone, atol=1e-4)
    assert np.ptp(alone) > 0.05


def test_intensities_and_space_are_as_documented():
    one, other = images("ras")
    header = nib.Nifti1Image(array(other).astype(np.int16), other.affine)
    header.set_sform(other.affine, 4)
    settings = NormalisationSettings(mode="window", window=(0.0, 200.0)), AS_STORED
    fused, story = Fusion(Ramps(), *settings, {"path": "runs/x"}).fuse(header, one, rule="addition")
    rows = 1000.0 * np.arange(GRIDS["ras"].shape[0])[:, None, None]
    expected = np.floor(array(other)) / 200 + array(one) + rows  # int16 drops the fraction
    np.testing.assert_allclose(array(fused), expected, rtol=1e-5, atol=1e-3)
    assert (int(fused.header["sform_code"]), int(fused.header["qform_code"])) == (4, 4)
    assert story["run"] == {"path": "runs/x"}
    assert story["intensities"]["first"]["mode"] == "window"
    assert story["first"]["grid"]["shape"] == list(GRIDS["ras"].shape)


def test_what_cannot_be_fused_is_refused():
    fusion = Fusion(Ramps())
    one, other = images("ras")
    with pytest.raises(DataError, match="lie on different grids.*Register one to the other first"):
        fusion.fuse(one, images("las")[0])
    with pytest.raises(ConfigError, match="`rule` must be one of l1, addition. Received: rule='mean'"):
        fusion.fuse(one, other, rule="mean")
    with pytest.raises(DataError, match="no such file"):
        fusion.fuse("none.nii.gz", other)
