"""The layers of fields: shapes, symbolic calls, policies, saving."""

import keras
import numpy as np
import pytest
from backends import smooth_field
from keras import ops
from references import spatial

from tfregkit.layers import ComposeFields, FiLM, ResizeField, SpatialTransformer, VecInt
from tfregkit.ops import affine_to_displacement, compose, integrate, resize_field


def numpy(x):
    return ops.convert_to_numpy(x)


def image_and_field(shape=(7, 11, 13), largest=2.5):
    image = np.random.default_rng(0).normal(size=(2, *shape, 2)).astype("float32")
    return image, smooth_field(shape, largest)


@pytest.fixture
def half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("shape", [(7, 11, 13), (11, 13)])
def test_an_affine_warps_as_its_dense_field_does(shape):
    image, _ = image_and_field(shape)
    rank = len(shape)
    matrix = (
        np.concatenate([np.eye(rank) * 1.1 + 0.05, np.full((rank, 1), 0.7)], 1)[None].repeat(2, 0).astype("float32")
    )
    for centre in (True, False):
        found = numpy(SpatialTransformer(centre=centre)([image, matrix]))
        dense = numpy(affine_to_displacement(matrix, shape, centre))
        np.testing.assert_allclose(found, spatial.warp(image, dense), atol=1e-5)


def test_interpolation_and_fill_reach_the_operation():
    image, field = image_and_field()
    labels = (image * 10).astype("int32")
    moved = numpy(SpatialTransformer(interpolation="nearest", fill=-99)([labels, field * 3]))
    assert set(np.unique(moved)) <= set(np.unique(labels)) | {-99}
    assert (moved == -99).any()


def test_wrong_ranks_are_refused():
    with pytest.raises(ValueError, match="`image` must have shape"):
        SpatialTransformer()([np.zeros((1, 5, 3), "float32"), np.zeros((1, 2, 3), "float32")])


def test_layers_compute_what_the_operations_do():
    _, field = image_and_field()
    other = smooth_field((7, 11, 13), 1.0, seed=5)
    np.testing.assert_array_equal(VecInt(3)(field), integrate(field, 3))
    np.testing.assert_array_equal(VecInt(4, "euler")(field), integrate(field, 4, "euler"))
    np.testing.assert_array_equal(ComposeFields()([field, other]), compose(field, other))
    np.testing.assert_array_equal(ResizeField(shape=(5, 6, 8))(field), resize_field(field, (5, 6, 8)))


def test_factors_round_to_whole_voxels():
    _, field = image_and_field((7, 11, 13))
    assert tuple(ResizeField(factor=0.5)(field).shape) == (2, 4, 6, 7, 3)
    assert tuple(ResizeField(factor=2)(field).shape) == (2, 14, 22, 26, 3)
    assert ResizeField(factor=0.5).compute_output_shape((None, None, 11, 13, 3)) == (None, None, 6, 7, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give exactly one of `shape` and `factor`"),
        ({"shape": (3, 3), "factor": 2}, "give exactly one of `shape` and `factor`"),
        ({"factor": -1}, "`factor` must be positive. Received: factor=-1"),
    ],
)
def test_resizing_needs_one_positive_target(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResizeField(**arguments)


@pytest.mark.usefixtures("half_precision")
def test_fields_stay_in_float32_under_mixed_precision():
    image, field = image_and_field(largest=2.5)
    field = field + np.float32(100.03)  # float16 resolves 0.06 voxels here
    moved = SpatialTransformer()([image, field - 100])
    assert keras.backend.standardize_dtype(moved.dtype) == "float32"
    np.testing.assert_allclose(numpy(moved), spatial.warp(image, field - 100), atol=1e-4)
    for result in (VecInt()(field), ResizeField(factor=2)(field), ComposeFields()([field, field])):
        assert keras.backend.standardize_dtype(result.dtype) == "float32"
    np.testing.assert_allclose(numpy(VecInt()(np.full_like(field, 100.03))), 100.03, rtol=1e-6)


@pytest.mark.usefixtures("half_precision")
def test_film_follows_the_policy():
    features, embedding = np.ones((2, 5, 7, 3), "float16"), np.ones((2, 4), "float32")
    assert keras.backend.standardize_dtype(FiLM()([features, embedding]).dtype) == "float16"


def test_film_scales_and_shifts_every_channel_by_its_own_item():
    rng = np.random.default_rng(0)
    features, embedding = rng.normal(size=(2, 5, 7, 3)), rng.normal(size=(2, 4))
    layer = FiLM()
    found = numpy(layer([features.astype("float32"), embedding.astype("float32")]))
    kernel, bias = (numpy(w) for w in layer.projection.weights)
    modulation = embedding @ kernel + bias
    gamma, beta = modulation[:, None, None, :3], modulation[:, None, None, 3:]
    np.testing.assert_allclose(found, (1 + gamma) * features + beta, atol=1e-5)
    alone = numpy(layer([features[1:].astype("float32"), embedding[1:].astype("float32")]))
    np.testing.assert_allclose(found[1:], alone, atol=1e-6)


def test_film_is_the_identity_without_a_projection_and_pays_for_its_weights():
    features, embedding = np.random.default_rng(0).normal(size=(2, 2, 3, 4)).astype("float32"), np.ones((2, 5), "f")
    layer = FiLM(kernel_initializer="zeros")
    np.testing.assert_array_equal(numpy(layer([features, embedding])), features)
    assert [float(loss) for loss in layer.losses] == [0, 0]
    layer.projection.kernel.assign(np.ones((5, 8), "float32"))
    assert sum(float(loss) for loss in layer.losses) == pytest.approx(40e-5)
    free = FiLM(weight_decay=0.0)
    free([features, embedding])
    assert free.losses == []


def test_a_model_of_all_layers_is_saved_and_takes_any_size(tmp_path):
    image = keras.Input((None, None, None, 1))
    velocity = keras.Input((None, None, None, 3))
    embedding = keras.Input((4,))
    field = ResizeField(factor=2)(VecInt(steps=3)(velocity))
    moved = SpatialTransformer(fill=0.0)([FiLM()([image, embedding]), ComposeFields()([field, field])])
    model = keras.Model([image, velocity, embedding], moved)
    assert tuple(model.output_shape) == (None, None, None, None, 1)
    model.save(tmp_path / "all.keras")
    restored = keras.saving.load_model(tmp_path / "all.keras")
    rng = np.random.default_rng(0)
    for shape in ((6, 8, 10), (8, 6, 4)):
        inputs = [
            rng.normal(size=s).astype("float32") for s in ((2, *shape, 1), (2, *(n // 2 for n in shape), 3), (2, 4))
        ]
        expected = numpy(model(inputs))
        assert expected.shape == (2, *shape, 1)
        np.testing.assert_array_equal(numpy(restored(inputs)), expected)
