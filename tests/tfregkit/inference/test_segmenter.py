"""Labelling images with a network: on which grid, by which class, what is told."""

import nibabel as nib
import numpy as np
import pytest
from levels import Levels
from phantoms import places
from world_grids import GRIDS

from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.volume import Volume
from tfregkit.errors import ConfigError, DataError, RunError
from tfregkit.inference.segmenter import Segmenter

CENTRE = np.array([7.0, -10.0, 5.0])


def spheres(grid):
    """An image with a bright sphere in a grey one, and the labels that `Levels` should give."""
    radius = np.linalg.norm(places(grid) - CENTRE - (0.3, -0.2, 0.1), axis=-1)
    image = np.select([radius < 4, radius < 9], [90.0, 50.0], 10.0).astype(np.float32)
    return Volume(image, grid), np.select([radius < 4, radius < 9], [-7, 12], 0)


def segmenter(spacing=1.0, **options):
    return Segmenter(Levels(**options), spacing, NormalisationSettings(percentiles=(0, 100)), {"path": "runs/x"})


def array(image):
    return np.asarray(image.dataobj)


@pytest.mark.parametrize("name", ["ras", "las"])
def test_on_the_training_grid_turned_or_not_every_voxel_has_its_class(name):
    image, expected = spheres(GRIDS[name])
    found = segmenter(gain=4.0).segment(image)
    np.testing.assert_array_equal(array(found.labels), expected)
    assert found.labels.get_data_dtype() == np.int16
    np.testing.assert_allclose(found.labels.affine, GRIDS[name].affine)
    assert array(found.votes).shape == expected.shape
    assert array(found.votes).min() == pytest.approx(1 / (1 + 2 * np.exp(-1)))  # of logits 0 and -1, twice


@pytest.mark.parametrize("name", ["permuted", "anisotropic", "oblique"])
def test_on_other_grids_all_but_the_borders(name):
    image, expected = spheres(GRIDS[name])
    labels = array(segmenter().segment(image).labels)
    assert labels.shape == GRIDS[name].shape
    for value in (12, -7):
        truth, found = expected == value, labels == value
        assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.85
    radius = np.linalg.norm(places(GRIDS[name]) - CENTRE, axis=-1)
    far = (np.abs(radius - 4) > 2.5) & (np.abs(radius - 9) > 2.5)
    np.testing.assert_array_equal(labels[far], expected[far])


def test_coarse_probabilities_are_interpolated_before_the_label_is_chosen():
    """Half way between two voxels of the network's grid the class changes where the probabilities cross."""
    image, expected = spheres(GRIDS["ras"])
    found = array(segmenter(spacing=2.0).segment(image).labels)
    blocks = found[:28, :30, :22].reshape(14, 2, 15, 2, 11, 2).swapaxes(1, 2).swapaxes(3, 4).swapaxes(2, 3)
    assert (blocks.reshape(-1, 8).min(1) != blocks.reshape(-1, 8).max(1)).any()  # no blocks of the coarse grid
    assert np.mean(found == expected) > 0.95


def test_tiles_give_what_the_whole_gives():
    image, _ = spheres(GRIDS["oblique"])
    whole, tiled = segmenter().segment(image), segmenter().segment(image, tile=16, tile_overlap=4)
    np.testing.assert_array_equal(array(tiled.labels), array(whole.labels))
    np.testing.assert_allclose(array(tiled.votes), array(whole.votes), atol=1e-6)
    assert whole.about["tiles"] is None
    assert tiled.about["tiles"]["size"] == [16, 16, 16]
    with pytest.raises(ConfigError, match="`tile_overlap` must be below `tile`"):
        segmenter().segment(image, tile=8, tile_overlap=8)


def test_a_network_that_was_trained_on_crops_sees_parts_of_that_size():
    image, _ = spheres(GRIDS["oblique"])
    shapes = []

    class Watched(Levels):
        def call(self, inputs, training=None):
            shapes.append(inputs["fixed"].shape[1:4])
            return super().call(inputs, training)

    whole = segmenter().segment(image)
    crop = Segmenter(Watched(), 1.0, NormalisationSettings(percentiles=(0, 100)), crop=(16, 12, 16))
    found = crop.segment(image)
    assert set(shapes) == {(16, 12, 16)}
    assert found.about["tiles"]["size"] == [16, 12, 16]
    assert [n >= m for n, m in zip(found.about["tiles"]["overlap"], (8, 4, 8), strict=True)] == [True] * 3
    np.testing.assert_array_equal(array(found.labels), array(whole.labels))
    assert found.about["tiles"]["weights"] == "linear"
    gaussian = crop.segment(image, tile_weights="gaussian")
    assert gaussian.about["tiles"]["weights"] == "gaussian"
    np.testing.assert_array_equal(array(gaussian.labels), array(whole.labels))
    assert Segmenter(Levels(), 1.0, crop=(16, 12, 16)).segment(image, tile=400).about["tiles"] is None


def test_images_smaller_than_the_crops_are_padded_up_to_them():
    image, expected = spheres(GRIDS["ras"])
    crop = Segmenter(Levels(), 1.0, NormalisationSettings(percentiles=(0, 100)), crop=(64, 64, 64))
    found = crop.segment(image)
    assert found.about["working_grid"]["shape"] == [64, 64, 64]
    np.testing.assert_array_equal(array(found.labels), expected)
    lone = Segmenter(Levels(), 1.0, NormalisationSettings(percentiles=(0, 100)), crop=(4, 4, 4))
    assert lone.segment(image).about["tiles"]["overlap"] == [0, 0, 0]  # half a tile is less than the stride


def test_what_the_sidecar_tells(tmp_path):
    image, _ = spheres(GRIDS["ras"])
    path = tmp_path / "dim.nii.gz"
    nib.save(nib.Nifti1Image(np.where(image.data == 50, 10, image.data), image.grid.affine), path)
    about = segmenter().segment(path).about
    assert about["structures"] == {"grey": [12, 13], "bright": [-7]}
    assert about["labels_lost"] == [12]
    assert about["run"] == {"path": "runs/x"}
    assert about["image"]["path"] == str(path)
    assert set(about["versions"]) >= {"tfregkit", "keras"}
    assert all(size % 4 == 0 for size in about["working_grid"]["shape"])


def test_errors_are_clear(tmp_path):
    flat = Volume(np.full(GRIDS["ras"].shape, 3.0, np.float32), GRIDS["ras"])
    with pytest.raises(DataError, match="every voxel is 3"):
        segmenter().segment(flat)
    with pytest.raises(RunError, match="probabilities that are not finite"):
        segmenter(gain=float("nan")).segment(spheres(GRIDS["ras"])[0])
    for use in (segmenter().register, segmenter().register_each, segmenter().lambdas):
        with pytest.raises(RunError, match="runs/x: its network segments single images and registers none"):
            use("a.nii.gz", "b.nii.gz")
