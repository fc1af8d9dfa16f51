"""Deformed copies of an atlas: from a real network, and from a fake one whose distribution is known."""

import keras
import numpy as np
import pytest
from drawing import Drawing
from phantoms import CENTRE, Constant, fixed_image, moving_image, places, shift
from world_grids import GRIDS, affine_matrix, grid

import tfregkit
from tfregkit.data.sampling import sample as interpolated
from tfregkit.data.volume import nifti_image, working_grid
from tfregkit.errors import ConfigError, DataError
from tfregkit.inference.atlas import Atlas
from tfregkit.inference.registration import Registration
from tfregkit.inference.samples import sample

PLAIN = grid((16, 24, 32), np.eye(3), (1.0, 1.0, 1.0))  # its own working grid
SEEDS = (11, 12)


def atlas_on(on, affine=None):
    """The phantom with the labels 3 and 300, as nibabel images."""
    image = moving_image(on, np.eye(4) if affine is None else affine)
    labels = np.where(image.data > 40, 3, 0) + np.where(image.data > 80, 297, 0)
    return Atlas.read(nifti_image(image.data, on), nifti_image(labels.astype(np.int16), on))


def target_on(on):
    return nifti_image(fixed_image(on).data, on)


def probabilistic():
    """A small CLMorph whose means and deviations are about a voxel."""
    keras.utils.set_random_seed(5)
    network = tfregkit.build(
        "network", "clmorph", encoder_filters=[3, 4], bottom_filters=[5, 4], decoder_filters=[4, 3]
    )
    rng = np.random.default_rng(3)
    network({name: rng.normal(size=(1, 8, 8, 8, 1)).astype(np.float32) for name in ("moving", "fixed")})
    network.velocity_head.kernel.assign(0.3 * rng.normal(size=network.velocity_head.kernel.shape))
    network.log_variance_head.bias.assign([-1.0, 0.0, -2.0])
    return network


def array(image):
    return np.asarray(image.dataobj)


def test_a_real_network_at_scale_0_does_what_register_does_and_draws_otherwise():
    atlas, target = atlas_on(GRIDS["las"]), target_on(GRIDS["oblique"])
    registration = Registration(probabilistic(), 2.0)
    (mean,) = sample(registration, atlas, target, [11], scale=0.0)
    result = registration.register(atlas.image, target)
    source = result.moving_volume
    expected = result.transform.resample(source, source.grid, fill="edge")
    np.testing.assert_allclose(array(mean.image), expected, atol=1e-4)
    labels = result.transform.resample(atlas.labels, source.grid, interpolation="nearest", fill="edge")
    np.testing.assert_array_equal(array(mean.labels), labels)
    assert (expected != result.transform.resample(source, source.grid, fill=-1e3)).any()  # it looks beyond the borders
    assert mean.measures["displacement_mean_mm"] > 0.2

    first, second = sample(registration, atlas, target, SEEDS)
    (again,) = sample(registration, atlas, target, SEEDS[1:])
    np.testing.assert_array_equal(array(second.image), array(again.image))
    assert second.measures == again.measures
    for drawn in (first, second):
        assert drawn.image.shape == GRIDS["las"].shape
        np.testing.assert_allclose(drawn.image.affine, GRIDS["las"].affine, atol=1e-5)
        assert set(np.unique(array(drawn.labels))) <= {0, 3, 300}
        assert drawn.labels.get_data_dtype() == np.int16
        assert np.abs(array(drawn.image) - array(mean.image)).max() > 5
    assert np.abs(array(first.image) - array(second.image)).max() > 5


def test_beyond_its_borders_the_atlas_goes_on_as_at_them():
    """An atlas that is one structure everywhere is so after any field, and its image has no value of its own there."""
    on = GRIDS["las"]
    image, labels = np.full(on.shape, 50.0, np.float32), np.full(on.shape, 3, np.int16)
    image[3, 5, 7] = 0.0  # the value that would be filled in
    atlas = Atlas.read(nifti_image(image, on), nifti_image(labels, on))
    (drawn,) = sample(Registration(probabilistic(), 2.0), atlas, target_on(GRIDS["oblique"]), [11])
    assert (array(drawn.labels) == 3).all()
    border = np.ones(on.shape, bool)
    border[1:-1, 1:-1, 1:-1] = False
    np.testing.assert_allclose(array(drawn.image)[border], 50.0, atol=1e-3)


@pytest.mark.parametrize("role", ["moving", "fixed"])
@pytest.mark.parametrize("start", [np.eye(4), affine_matrix(2)], ids=["header", "affine"])
def test_the_known_field_is_seen_in_the_atlas_world(role, start):
    """`sample(x) = atlas(A (y + d(y)))` with `y = A^-1 x`; the other role has the inverse, which the network gives."""
    on, other = GRIDS["anisotropic"], GRIDS["ras"]
    grids = {"moving": (on, other), "fixed": (other, on)}[role]
    known = (shift(places(working_grid(grids[1], 1.0, 8)))).astype(np.float32)
    name = "displacement" if role == "moving" else "inverse"
    atlas, network = atlas_on(on), Drawing(**{name: known})
    (made,) = sample(Registration(network, 1.0), atlas, target_on(other), [5], scale=0, atlas_role=role, init=start)
    points = places(on)
    if role == "moving":
        before = points @ np.linalg.inv(start)[:3, :3].T + np.linalg.inv(start)[:3, 3]
        after = (before + shift(before)) @ start[:3, :3].T + start[:3, 3]
    else:
        after = points + shift(points)
    voxels = np.moveaxis(on.world_to_voxel(after), -1, 0)
    inside = np.linalg.norm(points - CENTRE, axis=-1) < 8
    expected = interpolated(array(atlas.image), voxels)
    np.testing.assert_allclose(array(made.image)[inside], expected[inside], atol=0.5)  # the field is interpolated
    assert np.abs(array(made.image) - array(atlas.image))[inside].max() > 5


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_lengths_follow_the_distribution(scale):
    """The length of three normal numbers of deviation s is `s sqrt(8 / pi)` on average, its deviation 0.67 s."""
    found = list(
        sample(Registration(Drawing(deviation=0.3), 1.0), atlas_on(PLAIN), target_on(PLAIN), SEEDS, scale=scale)
    )
    for made in found:
        length, voxels = scale * 0.3 * np.sqrt(8 / np.pi), np.prod(PLAIN.shape)
        assert abs(made.measures["displacement_mean_mm"] - length) < 5 * 0.68 * scale * 0.3 / np.sqrt(voxels)
    assert found[0].measures != found[1].measures
    folds = [made.measures["folds_percent"] for made in found]
    assert min(folds) > 10 if scale == 2 else max(folds) < 15


@pytest.mark.parametrize(("slopes", "folds"), [((0.2, -0.3, 0.1), 0.0), ((-1.5, 0.2, 0.0), 100.0)])
def test_the_determinant_of_a_linear_map_is_known(slopes, folds):
    voxels = np.stack(np.meshgrid(*map(np.arange, PLAIN.shape), indexing="ij"), -1)
    network = Drawing(displacement=(voxels * slopes).astype(np.float32))
    (made,) = sample(Registration(network, 1.0), atlas_on(PLAIN), target_on(PLAIN), [1], scale=0)
    assert made.measures["jacobian_min"] == pytest.approx(np.prod(np.add(1, slopes)), abs=1e-4)
    assert made.measures["folds_percent"] == folds
    expected = np.linalg.norm(voxels * slopes, axis=-1).mean()
    assert made.measures["displacement_mean_mm"] == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_drawn_from_is_refused():
    atlas, target = atlas_on(PLAIN), target_on(PLAIN)
    with pytest.raises(ConfigError, match="gives one field and no distribution"):
        sample(Registration(Constant(), 1.0), atlas, target, [1])
    drawing = Registration(Drawing(), 1.0)
    with pytest.raises(ConfigError, match="`scale` must be a number of at least 0. Received: scale=-1"):
        sample(drawing, atlas, target, [1], scale=-1)
    with pytest.raises(ValueError, match="`atlas_role` must be moving or fixed"):
        sample(drawing, atlas, target, [1], atlas_role="both")
    with pytest.raises(ConfigError, match="takes no `--lambda`"):
        sample(drawing, atlas, target, [1], lam=0.5)
    far = grid((11, 11, 11), np.eye(3), (1.0, 1.0, 1.0), centre=(900.0, 0.0, 0.0))
    with pytest.raises(DataError, match="do not overlap"):
        sample(drawing, atlas, nifti_image(np.random.default_rng(0).random(far.shape, np.float32), far), [1])
