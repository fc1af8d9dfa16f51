"""CR and mCR: the contrast of learnt features at the same voxels of two images."""

import keras
import numpy as np
import pytest
from backends import gradients
from keras import ops
from references import contrast

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.ops.positions import draw_positions
from tfregkit_plugins.similarities.mcr import foreground

NAMES = ("patch_nce", "mcr")
SHAPE = (2, 10, 14, 22, 1)


@keras.saving.register_keras_serializable(package="tests")
class Neighbours(keras.layers.Layer):
    """Two feature maps: the image beside itself moved by one voxel along each axis, and every second voxel of that."""

    def call(self, image):
        axes = range(1, len(image.shape) - 1)
        full = ops.concatenate([image, *(ops.roll(image, step, axis) for axis in axes for step in (-1, 1))], axis=-1)
        return {"a": full, "b": 2 * (full[:, ::2, ::2] if len(image.shape) == 4 else full[:, ::2, ::2, ::2])}


def similarity(name="patch_nce", **options):
    defaults = {"moving_features": "a", "fixed_features": "b", "negatives": 12, "width": 9, "temperature": 0.1}
    made = tfregkit.build("similarity", name, **{**defaults, **options})
    made.use(moving=Neighbours(dtype="float32"), fixed=Neighbours(dtype="float32"))
    return made


def images(shape=SHAPE, seed=1):
    return np.random.default_rng(seed).random((2, *shape), dtype="float32")


def noise(seed=2, items=2):
    return np.random.default_rng(seed).random((items, 4096), dtype="float32")


def value(term, *arguments, **options):
    return ops.convert_to_numpy(term(*arguments, **options))


def layers_of(term, role, name):
    found = term.projection.heads[f"{role}_{name}"]
    return [(ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(layer.bias)) for layer in found]


@pytest.mark.parametrize("shape", [SHAPE, (2, 22, 26, 1)])
@pytest.mark.parametrize("roles", [("fixed", "moving"), ("moving", "fixed")])
def test_agrees_with_the_definition(roles, shape):
    fixed, moved = images(shape)
    term, numbers = similarity(), noise()
    found = value(term, fixed, moved, roles=roles, noise=numbers)
    maps = [{name: ops.convert_to_numpy(x) for name, x in Neighbours()(image).items()} for image in (fixed, moved)]
    expected = np.zeros(2)
    for number, name in enumerate(("a", "b")):
        voxels = np.prod(maps[0][name].shape[1:-1])
        shifted = (numbers + np.float32(number * 0.618034)) % np.float32(1)
        places, _ = draw_positions(shifted[:, :13], np.full(2, voxels, "int32"), 13)
        for item, rows in enumerate(ops.convert_to_numpy(places)):
            q, p = (
                contrast.head(m[name][item].reshape(voxels, -1)[rows], layers_of(term, role, name))
                for m, role in zip(maps, roles, strict=True)
            )
            expected[item] += contrast.info_nce(q, p, 0.1) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_equal_features_give_log_n():
    flat = np.full(SHAPE, 0.3, "float32")
    np.testing.assert_allclose(value(similarity(), flat, flat), np.log(13), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("roles", [("fixed", "moving"), ("moving", "fixed")])
def test_gradient_reaches_the_moved_image_in_both_directions(name, roles):
    """The key is not detached, as it is in CUT; neither is the query."""
    fixed, moved = images()
    term = similarity(name)
    slopes = gradients(lambda f, m: ops.sum(term(f, m, roles=roles, noise=noise())), fixed, moved)
    assert all(np.abs(slope).max() > 1e-3 for slope in slopes)


def test_gradient_agrees_with_differences():
    """With heads of one layer, so that no ReLU's kink lies between the two sides."""
    keras.utils.set_random_seed(4)
    fixed, moved = images()
    direction = np.random.default_rng(4).normal(size=SHAPE).astype("float32")
    term = similarity(temperature=1.0, depth=1)
    (slope,) = gradients(lambda m: ops.sum(term(fixed, m, noise=noise())), moved)
    h = 3e-3
    sides = [value(term, fixed, moved + sign * h * direction, noise=noise()).astype(float).sum() for sign in (1, -1)]
    assert (sides[0] - sides[1]) / (2 * h) == pytest.approx(float((slope * direction).sum()), rel=0.03)


def test_extractors_are_frozen_and_heads_are_not():
    extractor = tfregkit.build("network", "autoencoder", images=["moving"], filters=[3] * 7)
    extractor({"moving": keras.KerasTensor((1, 16, 16, 24, 1))})
    term = tfregkit.build("similarity", "mcr", moving_features="a", fixed_features="a", width=5, depth=2, negatives=3)
    term.use(moving=extractor.extractor("moving"), fixed=extractor.extractor("fixed"))
    fixed, moved = images((1, 16, 16, 24, 1))
    term(fixed, moved)
    assert len(term.trainable_variables) == 2 * 6 * 2 * 2  # roles, maps, layers, kernel and bias
    frozen = {id(variable) for variable in extractor.branches["moving"].variables}
    assert not frozen & {id(variable) for variable in term.trainable_variables}
    assert frozen <= {id(variable) for variable in term.variables}


def test_heads_do_not_see_the_length_of_their_last_layer():
    fixed, moved = images()
    term = similarity()
    before = value(term, fixed, moved)
    for layers in term.projection.heads.values():
        layers[-1].kernel.assign(3.0 * layers[-1].kernel)
        layers[-1].bias.assign(3.0 * layers[-1].bias)
    np.testing.assert_allclose(value(term, fixed, moved), before, rtol=1e-4)


def masked_images():
    fixed, moved = images()
    mask = np.zeros(SHAPE, "float32")
    mask[:, 2:7, 4:12, 4:18] = 1
    return fixed, moved, mask


def test_what_lies_outside_the_mask_does_not_count():
    fixed, moved, mask = masked_images()
    deep = np.zeros(SHAPE, bool)
    deep[:, 1:8, 3:13, 3:19] = True  # features reach one voxel beyond the mask
    term = similarity()
    other = np.where(deep, moved, 1 - moved)
    before, after = (value(term, fixed, m, mask=mask, noise=noise()) for m in (moved, other))
    np.testing.assert_allclose(after, before, rtol=1e-6)
    everywhere = [value(term, fixed, m, noise=noise()) for m in (moved, other)]
    assert not np.allclose(*everywhere, rtol=1e-4)


def test_mcr_masks_itself_by_the_union_of_the_foregrounds():
    fixed, moved, mask = masked_images()
    left, right = mask.copy(), mask.copy()
    left[:, :, 8:], right[:, :, :7] = 0, 0
    fixed, moved = (fixed + 0.1) * left, (moved + 0.1) * right
    term = similarity("mcr", negatives=40)
    given, own = (value(term, fixed, moved, mask=m, noise=noise()) for m in (mask, None))
    np.testing.assert_array_equal(own, given)


@pytest.mark.parametrize("offset", [0.0, -0.7, 300.0])
def test_foreground_of_a_moved_image_is_not_the_rounding_of_its_background(offset):
    """Eight weights add up to 1 but for rounding, so interpolation makes a constant that is not 0 hardly constant."""
    from tfregkit.ops.warp import warp

    image, _, mask = masked_images()
    field = np.random.default_rng(4).normal(size=(*SHAPE[:-1], 3)).astype("float32")
    moved = warp((image + 0.1) * mask + np.float32(offset), field)
    share, found = ops.convert_to_numpy(warp(mask, field)), ops.convert_to_numpy(foreground(moved)) > 0
    assert found[share > 0.1].all()  # less than a tenth of a voxel may drown at 300
    assert not found[share == 0].any()


@pytest.mark.parametrize("name", NAMES)
def test_empty_and_tiny_masks(name):
    fixed, moved, mask = masked_images()
    term = similarity(name)
    np.testing.assert_array_equal(value(term, fixed, moved, mask=0 * mask), [0, 0])
    few = 0 * mask
    few[:, 3, 5, 5:8] = 1
    assert np.isfinite(value(term, fixed, moved, mask=few)).all()


def test_constant_images_are_defined():
    term, flat = similarity("mcr"), np.full(SHAPE, 0.3, "float32")
    np.testing.assert_array_equal(value(term, flat, flat), [0, 0])
    (slope,) = gradients(lambda m: ops.sum(term(flat, m)), images()[1])
    assert np.isfinite(slope).all()


def test_noise_decides_the_voxels_and_its_absence_too():
    fixed, moved = images()
    term = similarity()
    first, again, second = (value(term, fixed, moved, noise=noise(seed)) for seed in (2, 2, 3))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, second, rtol=1e-4)
    np.testing.assert_array_equal(value(term, fixed, moved), value(term, fixed, moved))


def test_external_negatives_make_it_harder():
    fixed, moved = images()
    keras.utils.set_random_seed(3)
    plain = similarity(temperature=0.5)
    without = value(plain, fixed, moved, noise=noise())
    keras.utils.set_random_seed(3)
    term = similarity(temperature=0.5, external_negatives=7)
    assert "others" in term.needs
    found = value(term, fixed, moved, noise=noise(), others=images(seed=8)[0])
    assert np.all(found > without + 0.1)  # seven more terms in every denominator
    assert np.all(found < without + np.log((13 + 7) / 13) + 2 / 0.5)


def test_stable_in_float32_at_the_papers_temperature_under_mixed_precision():
    fixed, moved = images()
    values = []
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            keras.utils.set_random_seed(5)
            term = similarity(temperature=0.007)
            values.append(value(term, fixed, moved, noise=noise()))
            (slope,) = gradients(lambda m, term=term: ops.sum(term(fixed, m, noise=noise())), moved)
        finally:
            keras.config.set_dtype_policy("float32")
        assert values[-1].dtype == np.float32
        assert np.isfinite(values[-1]).all()
        assert np.isfinite(slope).all()
    np.testing.assert_allclose(values[1:], [values[0]] * 2, rtol=1e-5)


def test_external_negatives_of_mcr_come_from_the_foreground():
    """What the other person's background looks like does not matter."""
    fixed, moved = images()
    others, _, mask = masked_images()
    near = (others + 0.1) * mask
    np.testing.assert_array_equal(ops.convert_to_numpy(foreground(near)), mask)
    for name in ("patch_nce", "mcr"):
        keras.utils.set_random_seed(6)
        term = similarity(name, external_negatives=9)
        found = value(term, fixed, moved, noise=noise(), others=near)
        keras.utils.set_random_seed(6)
        cut = similarity(name, external_negatives=9)
        cut._region = lambda image: ops.convert_to_tensor(mask)
        inside = value(cut, fixed, moved, noise=noise(), others=near)
        assert np.allclose(found, inside, rtol=1e-6) == (name == "mcr")


def smooth(seed):
    from scipy.ndimage import gaussian_filter

    image = gaussian_filter(np.random.default_rng(seed).normal(size=(1, 46, 58, 1)), (0, 1.5, 1.5, 0), mode="wrap")
    return (0.5 + 0.5 * image / np.abs(image).max()).astype("float32")


def test_with_trained_heads_the_optimum_over_shifts_is_alignment():
    """Two contrasts of one scene: heads trained on one aligned pair find the alignment of another."""
    keras.utils.set_random_seed(7)
    contrast_of = lambda image: np.sin(7 * image).astype("float32")  # noqa: E731, neither increasing nor decreasing
    term = similarity(negatives=63, width=32, temperature=0.07)
    fixed = smooth(1)
    term(fixed, contrast_of(fixed))

    class Heads(keras.Model):
        def __init__(self):
            super().__init__()
            self.term = term

        def call(self, batch):
            return self.term(batch["fixed"], batch["moved"], noise=batch["noise"])

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return ops.mean(y_pred)

    heads = Heads()
    heads.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    losses = [
        heads.train_on_batch({"fixed": fixed, "moved": contrast_of(fixed), "noise": noise(step, 1)})
        for step in range(80)
    ]
    assert losses[-1] < losses[0] / 2
    unseen = smooth(2)
    curve = {
        (axis, step): value(term, unseen, np.roll(contrast_of(unseen), step, axis))[0]
        for axis in (1, 2)
        for step in (-3, -2, -1, 0, 1, 2, 3)
    }
    for axis in (1, 2):
        assert min(range(-3, 4), key=lambda step, axis=axis: curve[axis, step]) == 0


def test_without_extractors_the_error_names_the_keys():
    term = tfregkit.build("similarity", "patch_nce", moving_features="a", fixed_features="b")
    with pytest.raises(ConfigError, match="`moving_features` and `fixed_features` name the stages"):
        term(*images())
    with pytest.raises(ConfigError, match="set both or none"):
        tfregkit.build("similarity", "patch_nce", moving_features="a")
