"""Registration with fake networks: a known transform must put the moving image onto the fixed one."""

import nibabel as nib
import numpy as np
import pytest
from keras import ops
from phantoms import Constant, Still, fixed_image, moving_image, places, shift
from world_grids import GRIDS, affine_matrix, grid

import tfregkit
from tfregkit.data.settings import NormalisationSettings
from tfregkit.data.volume import nifti_image, working_grid, write_volume
from tfregkit.errors import ConfigError, DataError, RunError
from tfregkit.inference.registration import Registration
from tfregkit.inference.warps import read_warp
from tfregkit.objective.base import Similarity
from tfregkit.objective.objective import Objective

SPACING = 1.5
PAIRS = [
    ("ras", "ras"),
    ("las", "oblique"),
    ("oblique", "anisotropic"),
    ("permuted", "las"),
    ("anisotropic", "permuted"),
]


def known_network(fixed_grid, **options):
    """A network that gives the phantom's displacement on the working grid."""
    working = working_grid(fixed_grid, SPACING, stride=8)
    return Constant(displacement=(shift(places(working)) / SPACING).astype(np.float32), **options)


def nifti(volume):
    return nifti_image(volume.data, volume.grid)


def small_images(seed=0):
    return nifti(moving_image(GRIDS["las"], np.eye(4))), nifti(fixed_image(GRIDS["ras"]))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("start", [np.eye(4), affine_matrix(3)], ids=["headers", "affine"])
def test_known_transform_puts_moving_onto_fixed(pair, start):
    moving_grid, fixed_grid = (GRIDS[name] for name in pair)
    moving, fixed = moving_image(moving_grid, start), fixed_image(fixed_grid)
    result = Registration(known_network(fixed_grid), SPACING).register(nifti(moving), nifti(fixed), init=start)

    world = places(fixed_grid)
    target = world + shift(world)
    target = target @ start[:3, :3].T + start[:3, 3]
    np.testing.assert_allclose(result.map_points(world.reshape(-1, 3)), target.reshape(-1, 3), atol=0.03)
    inside = np.all((voxels := moving_grid.world_to_voxel(target)) > 0.5, -1)
    inside &= np.all(voxels < np.array(moving_grid.shape) - 1.5, -1)
    moved = np.asarray(result.moved.dataobj)
    assert result.moved.shape == fixed_grid.shape
    np.testing.assert_allclose(result.moved.affine, fixed_grid.affine, atol=1e-5)
    assert np.abs(moved - fixed.data)[inside].max() < 0.12 * fixed.data.max()  # linear interpolation of coarse blobs
    before = np.abs(result.before(nifti(moving), "linear") - fixed.data)[inside]
    assert np.abs(moved - fixed.data)[inside].mean() < 0.25 * before.mean()


def test_inverse_is_found_where_the_network_gives_none():
    moving, fixed = small_images()
    result = Registration(known_network(GRIDS["ras"]), SPACING).register(moving, fixed, init=affine_matrix(2))
    points = GRIDS["ras"].voxel_to_world(np.random.default_rng(0).uniform(8, 15, size=(31, 3)))
    np.testing.assert_allclose(result.map_points_back(result.map_points(points)), points, atol=0.05)


def test_the_networks_own_inverse_is_used():
    moving, fixed = small_images()
    working = working_grid(GRIDS["ras"], SPACING, stride=8)
    inverse = np.zeros((*working.shape, 3), np.float32) + (1.0, 0.0, -2.0)
    network = Constant(inverse=inverse.astype(np.float32))
    result = Registration(network, SPACING).register(moving, fixed)
    np.testing.assert_allclose(result.map_points_back(np.zeros((1, 3))), [[1.5, 0, -3.0]], atol=1e-5)


def test_network_sees_normalised_images_on_the_padded_working_grid():
    moving, fixed = small_images()
    network = Constant(stride_of=16)
    window = NormalisationSettings(mode="window", window=(0.0, 50.0))
    Registration(network, SPACING, moving_normalisation=window).register(moving, fixed)
    low, high = np.asarray(network.seen.numpy())
    assert (low, high) == pytest.approx((0.0, 1.0), abs=1e-5)  # shapes are asserted by the network itself
    Registration(network, SPACING, moving_normalisation=NormalisationSettings(mode="none")).register(moving, fixed)
    assert 80 < network.seen.numpy()[1] < 250


def test_moved_image_has_the_moving_files_type_and_the_fixed_files_space(tmp_path):
    moving, fixed = moving_image(GRIDS["las"], np.eye(4)), fixed_image(GRIDS["oblique"])
    write_volume(tmp_path / "m.nii.gz", moving.data, moving.grid, dtype=np.int16)
    image = nifti_image(fixed.data, fixed.grid)
    image.set_sform(fixed.grid.affine, 4)  # MNI
    nib.save(image, tmp_path / "f.nii.gz")
    moved = Registration(Constant(), SPACING).register(tmp_path / "m.nii.gz", tmp_path / "f.nii.gz").moved
    assert moved.get_data_dtype() == np.int16
    assert int(moved.header["sform_code"]) == 4


def test_outside_the_moving_image_its_minimum_is_taken():
    moving = moving_image(grid((13, 13, 13), np.eye(3), (1, 1, 1)), np.eye(4))
    moving.data -= 1000.0  # like CT, where 0 is water and not air
    result = Registration(Constant(), SPACING).register(nifti(moving), nifti(fixed_image(GRIDS["ras"])))
    assert np.asarray(result.moved.dataobj)[0, 0, 0] == moving.data.min()


def test_files_carry_their_story(tmp_path):
    moving, fixed = small_images()
    nib.save(moving, tmp_path / "m.nii.gz")
    nib.save(fixed, tmp_path / "f.nii.gz")
    registration = Registration(known_network(GRIDS["ras"]), SPACING, about={"path": "runs/x"})
    result = registration.register(tmp_path / "m.nii.gz", tmp_path / "f.nii.gz", init=affine_matrix(1))
    result.save(moved=tmp_path / "o.nii.gz", warp=tmp_path / "w.nii.gz", inverse_warp=tmp_path / "i.nii.gz")
    import json

    said = json.loads((tmp_path / "w.json").read_text())
    assert said["maps"] == "points of fixed to moving"
    assert said["moving"]["path"] == str(tmp_path / "m.nii.gz")
    assert len(said["fixed"]["sha256"]) == 64
    assert said["run"] == {"path": "runs/x"}
    assert said["deformation"]["folds_percent"] == 0
    assert said["versions"]["tfregkit"] == tfregkit.__version__
    np.testing.assert_allclose(said["affine_start_ras_mm"], affine_matrix(1))
    assert json.loads((tmp_path / "i.json").read_text())["maps"] == "points of moving to fixed"
    field = read_warp(tmp_path / "w.nii.gz")
    np.testing.assert_allclose(field.to_voxels(), result.displacement, atol=1e-3)
    np.testing.assert_array_equal(np.asarray(result.warp.dataobj), np.asarray(nib.load(tmp_path / "w.nii.gz").dataobj))


def test_lambda_is_asked_for_and_only_where_taken():
    moving, fixed = small_images()
    with pytest.raises(ConfigError, match="conditioned on lambda: choose one"):
        Registration(Constant(conditioning=True), SPACING).register(moving, fixed)
    with pytest.raises(ConfigError, match="takes no `--lambda`"):
        Registration(Constant(), SPACING).register(moving, fixed, lam=0.1)
    with pytest.raises(ConfigError, match=r"must lie in \[0, 1\]. Received: 1.5"):
        Registration(Constant(conditioning=True), SPACING).register(moving, fixed, lam=1.5)
    result = Registration(Constant(conditioning=True), SPACING).register(moving, fixed, lam=0.25)
    assert result.about["lambda"] == 0.25


def test_images_that_cannot_be_registered_are_refused():
    moving, fixed = small_images()
    registration = Registration(Constant(), SPACING)
    flat = nifti_image(np.full((5, 7, 11), 3.0, np.float32), GRIDS["ras"].__class__((5, 7, 11), np.eye(4)))
    with pytest.raises(DataError, match="every voxel is 3, so there is nothing to register"):
        registration.register(flat, fixed)
    far = np.eye(4)
    far[:3, 3] = 400
    away = nib.Nifti1Image(np.asarray(moving.dataobj), far @ moving.affine)
    with pytest.raises(DataError, match="do not overlap in the world.*--init moments"):
        registration.register(away, fixed)
    with pytest.raises(DataError, match="do not overlap"):  # an affine start that misses is no better
        registration.register(moving, fixed, init=far)
    result = registration.register(away, fixed, init="moments")
    assert np.abs(np.asarray(result.moved.dataobj) - np.asarray(fixed.dataobj)).mean() < 8


def test_a_network_that_gives_nan_is_reported():
    moving, fixed = small_images()
    working = working_grid(GRIDS["ras"], SPACING, stride=8)
    network = Constant(displacement=np.full((*working.shape, 3), np.nan, np.float32))
    with pytest.raises(RunError, match="not finite"):
        Registration(network, SPACING).register(moving, fixed)


class Embedding(Constant):
    """A network that is no registration network, as those that pre-train an encoder."""

    def call(self, inputs, training=None):
        return {"embeddings": {"fixed": {"P0": inputs["fixed"]}}}


def test_a_network_that_registers_nothing_says_so():
    with pytest.raises(RunError, match="network gives no displacement, so it registers nothing"):
        Registration(Embedding(), SPACING).register(*small_images())


def test_refinement_lowers_the_objective_and_leaves_the_network_alone():
    moving, fixed = small_images()
    network = Still()
    terms = {"mse": tfregkit.build("similarity", "mse"), "smooth": tfregkit.build("regularizer", "diffusion")}
    objective = Objective(terms=terms, weights={"smooth": 0.01})
    registration = Registration(network, 2.0, objective=lambda: objective)
    plain = registration.register(moving, fixed)
    weights = [w.numpy().copy() for w in network.weights]
    losses = []
    refined = registration.register(moving, fixed, refine=15, progress=lambda *step: losses.append(step))
    target = np.asarray(fixed.dataobj)
    errors = [np.abs(np.asarray(r.moved.dataobj) - target).mean() for r in (plain, refined)]
    assert errors[1] < 0.6 * errors[0]
    assert refined.about["deformation"]["folds_percent"] == 0
    assert losses[0][:3] == ("refine", 1, 15)
    assert losses[-1][3] < losses[0][3]
    assert refined.about["refine_steps"] == 15
    for before, after in zip(weights, network.weights, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    points = GRIDS["ras"].voxel_to_world(np.random.default_rng(0).uniform(9, 14, size=(31, 3)))
    np.testing.assert_allclose(refined.map_points_back(refined.map_points(points)), points, atol=0.2)
    with pytest.raises(ConfigError, match="this registration has none"):
        Registration(network, 2.0).register(moving, fixed, refine=1)


class Learnt(Similarity):
    """A similarity with a weight of its own."""

    def build(self, *shapes):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, fixed, moved, mask=None):
        return self.scale * ops.mean(ops.square(fixed - moved), axis=(1, 2, 3, 4))


def test_a_term_with_trained_weights_is_not_used_for_the_affine():
    registration = Registration(Constant(), SPACING, objective=lambda: Objective(terms={"own": Learnt()}))
    assert type(registration._similarity()).__name__ == "NCC"
    terms = {"mse": tfregkit.build("similarity", "mse")}
    plain = Registration(Constant(), SPACING, objective=lambda: Objective(terms=terms))
    assert type(plain._similarity()).__name__ == "MSE"


def test_labels_on_another_grid_than_their_image_are_refused():
    moving, fixed = small_images()
    result = Registration(Constant(), SPACING).register(moving, fixed)
    labels = nib.Nifti1Image(np.ones(GRIDS["las"].shape, np.uint8), np.eye(4))
    with pytest.raises(DataError, match="lies on another grid than its image"):
        result.moved_labels(labels)
    labels = nib.Nifti1Image(np.ones(GRIDS["las"].shape, np.uint8), GRIDS["las"].affine)
    assert result.moved_labels(labels).get_data_dtype() == np.uint8
