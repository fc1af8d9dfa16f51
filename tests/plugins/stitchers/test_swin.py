"""The stitcher against the reference of its equations, and what must hold for any weights."""

import itertools

import keras
import numpy as np
import pytest
from backends import gradients
from keras import ops
from references.stitching import stitched

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit_plugins.stitchers.swin import Swin
from tfregkit_plugins.stitchers.window_attention import WindowAttention

RNG = np.random.default_rng(5)
NAMES = {"q": "query", "k": "key", "v": "value", "p": "project"}


def random_field(*shape):
    return RNG.normal(size=shape).astype("float32")


def stirred(layer, size=0.5, seed=0):
    """Random weights for a built layer."""
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=w.shape) * size for w in layer.get_weights()])
    return layer


def swin(shape=(1, 8, 4, 12, 3), count=2, **options):
    stitcher = Swin(**{"window": 2, "resolution": "full", **options})
    stitcher(np.zeros(shape, "float32"), count=count)
    return stirred(stitcher)


def attention(grid=(4, 4, 4), features=6, side=2, **options):
    layer = WindowAttention(side, **options)
    layer.build((None, *grid, features))
    return stirred(layer)


def numbers(layer):
    """The weights of a block as the reference wants them."""
    weights = {"bias": ops.convert_to_numpy(layer.bias).astype(float)}
    for short, name in NAMES.items():
        kernel, bias = getattr(layer, name).get_weights()
        weights |= {f"{short}_w": kernel.astype(float), f"{short}_b": bias.astype(float)}
    return weights


@pytest.mark.parametrize(("count", "window", "shift", "heads"), [(2, 2, 1, 1), (1, 3, 2, 3)])
def test_is_its_equations(count, window, shift, heads):
    shape = tuple(count * window * side for side in (2, 1, 3))
    field = random_field(2, *shape, 3)
    stitcher = swin(field.shape, count, window=window, shift=shift, heads=heads)
    found = ops.convert_to_numpy(stitcher(field, count=count))
    blocks = [numbers(layer) for layer in stitcher.attentions]
    for item, one in zip(found, field, strict=True):
        expected = stitched(one.astype(float), blocks, count, window, shift, heads)
        assert np.abs(expected - one).max() > 0.5
        np.testing.assert_allclose(item, expected, atol=2e-4)


def test_voxel_tokens_are_regions_of_one_voxel():
    field = random_field(2, 4, 4, 4, 3)
    voxels, regions = swin(field.shape, token="voxel"), swin(field.shape)
    regions.set_weights(voxels.get_weights())
    found, expected = (ops.convert_to_numpy(s(field, count=2)) for s in (voxels, regions))
    np.testing.assert_array_equal(found, expected)  # 2 blocks of 2 regions along each axis: windows of 2 voxels


def test_half_resolution_adds_the_resized_correction():
    from tfregkit.ops import resize_image

    field = ops.convert_to_tensor(random_field(1, 8, 16, 8, 3))
    half, full = swin(field.shape, resolution="half"), swin((1, 4, 8, 4, 3))
    full.set_weights(half.get_weights())
    coarse = resize_image(field, (4, 8, 4))
    expected = field + resize_image(full(coarse, count=2) - coarse, (8, 16, 8))
    np.testing.assert_allclose(
        ops.convert_to_numpy(half(field, count=2)), ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("shift", [0, 1])
def test_rows_of_the_attention_sum_to_one(shift):
    layer, tokens = attention(shift=shift), random_field(3, 4, 4, 4, 6)
    weights = ops.convert_to_numpy(layer.attention(layer.windows(tokens), (4, 4, 4)))
    assert weights.shape == (24, 1, 8, 8)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert (weights > 0).mean() == (1.0 if shift == 0 else pytest.approx(27 / 64))


def test_tokens_from_the_other_side_vanish_whatever_the_logits():
    layer = attention(shift=1)
    tokens = 100 * random_field(1, 4, 4, 4, 6)  # logits of 10^4 and more
    weights = ops.convert_to_numpy(layer.attention(layer.windows(tokens), (4, 4, 4)))[:, 0]
    last = weights[-1]  # the last window: eight tokens that all come from different corners
    np.testing.assert_array_equal(last, np.eye(8))


def test_windows_and_back_is_the_identity():
    for shift in (0, 1):
        layer, tokens = attention((4, 6, 8), shift=shift), random_field(2, 4, 6, 8, 6)
        again = layer._merged(layer.windows(tokens), (4, 6, 8))
        np.testing.assert_array_equal(ops.convert_to_numpy(again), tokens)


def test_a_constant_field_stays_constant():
    layer = attention(shift=1)
    for identity in (layer.value, layer.project):
        identity.set_weights([np.eye(3), np.zeros(3)])
    value = np.array([1.5, -2.0, 0.25], "float32")
    tokens = np.broadcast_to(np.tile(value, 2), (1, 4, 4, 4, 6)).astype("float32")
    np.testing.assert_allclose(ops.convert_to_numpy(layer(tokens)), tokens, rtol=1e-5)


@pytest.mark.parametrize("shift", [0, 1])
def test_a_token_reaches_its_own_window_alone(shift):
    """Eight windows without a shift; with one 27, whose sizes along an axis are 1, 2 and 1."""
    layer, places = attention(shift=shift), list(itertools.product(range(4), repeat=3))
    tokens = np.repeat(random_field(1, 4, 4, 4, 6), 65, axis=0)
    for item, place in enumerate(places):
        tokens[(item, *place)] += 1.0  # the last item stays as it is
    outputs = ops.convert_to_numpy(layer(tokens))
    changed = np.abs(outputs[:-1] - outputs[-1]).max(-1) > 0
    for place, reached in zip(places, changed, strict=True):
        along = [[q for q in range(4) if (q + shift) // 2 == (p + shift) // 2] for p in place]
        expected = np.zeros((4, 4, 4), bool)
        expected[np.ix_(*along)] = True
        np.testing.assert_array_equal(reached, expected)
    assert len({reached.tobytes() for reached in changed}) == (27 if shift else 8)


def test_two_passes_carry_a_change_across_the_border_of_the_blocks():
    stitcher = swin((1, 8, 8, 8, 3))
    field = random_field(1, 8, 8, 8, 3)
    other = field.copy()
    other[0, :2, :2, :2] += 1.0  # the first region of the first block: in the corner, away from the border
    change = ops.convert_to_numpy(stitcher(other, count=2)) - ops.convert_to_numpy(stitcher(field, count=2))
    changed = np.abs(change[0]).max(-1) > 0
    assert changed[:6, :6, :6].all()  # its own block, and from there one region into the others
    assert not changed[6:].any()
    assert not changed[:, :, 6:].any()


def test_gradient_is_that_of_differences():
    field = random_field(1, 4, 4, 4, 3).astype("float64")
    slope = RNG.normal(size=field.shape)
    stitcher = Swin(window=2, resolution="full", mlp_ratio=2, normalization="none")
    stitcher(field.astype("float32"), count=2)
    stirred(stitcher, 0.3)

    def value(x):
        return ops.sum(stitcher(x, count=2) * ops.cast(slope, "float32"))

    (found,) = gradients(value, field.astype("float32"))
    direction = RNG.normal(size=field.shape)
    step = 1e-2
    there, back = (float(value((field + s * step * direction).astype("float32"))) for s in (1, -1))
    assert np.sum(found * direction) == pytest.approx((there - back) / (2 * step), rel=2e-3)


def test_parameters_as_the_paper_describes_them():
    one = 4 * (9 + 3) + 7**3  # query, key, value, project; one bias for each difference of places
    assert swin((1, 16, 16, 16, 3), window=4).count_params() == 2 * one
    assert swin(window=2, heads=3).count_params() == 2 * (48 + 3 * 3**3)
    mlp = 3 * 12 + 12 + 12 * 3 + 3
    assert swin(window=2, mlp_ratio=4).count_params() == 2 * (48 + 27 + mlp)
    assert swin(window=2, mlp_ratio=4, normalization="layer").count_params() == 2 * (48 + 27 + mlp + 2 * 6)


@pytest.mark.parametrize(
    ("options", "count", "multiple"),
    [
        ({}, 2, 16),
        ({"resolution": "full"}, 2, 8),
        ({"token": "voxel"}, 3, 24),
        ({"token": "voxel", "resolution": "full", "window": 3}, 2, 6),
    ],
)
def test_sizes_that_work(options, count, multiple):
    stitcher = Swin(**options)
    assert stitcher.multiple(count) == multiple
    with pytest.raises(ValueError, match=f"from {count} blocks.*multiples of {multiple}x{multiple}x{multiple}, as in"):
        stitcher(np.zeros((1, multiple, multiple + count, multiple, 3), "float32"), count=count)


def test_a_window_larger_than_the_field_is_refused():
    with pytest.raises(ValueError, match="multiples of 8x8x8, as in 8x8x8. Received: 4x4x4"):
        Swin(resolution="full")(np.zeros((1, 4, 4, 4, 3), "float32"), count=2)


def test_fields_in_two_dimensions_are_refused():
    with pytest.raises(ValueError, match="stitches 3-D fields"):
        Swin()(np.zeros((1, 16, 16, 2), "float32"), count=2)


def test_a_shift_of_a_whole_window_is_refused():
    with pytest.raises(ConfigError, match="`shift` must be below `window`. Received: shift=4, window=4"):
        tfregkit.build("stitcher", "swin", shift=4)


def test_is_saved_with_the_network_it_is_in(tmp_path):
    inputs = keras.Input((8, 8, 8, 3))
    model = keras.Model(inputs, Swin(window=2, heads=3)(inputs, count=2))
    stirred(model)
    model.save(tmp_path / "m.keras")
    field = random_field(1, 8, 8, 8, 3)
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(ops.convert_to_numpy(again(field)), ops.convert_to_numpy(model(field)))
