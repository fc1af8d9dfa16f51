import numpy as np
import pytest
from keras import ops

from tfregkit.ops.positions import draw_positions, nearest_on, positions_within, rows_at

RNG = np.random.default_rng(3)


def drawn(noise, count, samples):
    return [ops.convert_to_numpy(x) for x in draw_positions(noise, count, samples)]


@pytest.mark.parametrize("count", [7, 11, 23, 1025, 4_915_200, 16_777_213])
def test_all_different_and_in_range(count):
    noise = RNG.random((3, 11)).astype("float32")
    chosen, valid = drawn(noise, np.full(3, count, "int32"), 11)
    assert valid.sum(1).tolist() == [min(count, 11)] * 3
    for row, ok in zip(chosen, valid, strict=True):
        assert len(set(row[ok])) == ok.sum()
        assert row.min() >= 0
        assert row.max() < count


def test_every_number_is_drawn_equally_often():
    noise = RNG.random((20_000, 5)).astype("float32")
    chosen, _ = drawn(noise, np.full(20_000, 35, "int32"), 5)
    share = np.bincount(chosen.ravel(), minlength=35) / len(chosen)
    np.testing.assert_allclose(share, 5 / 35, rtol=0.06)


def test_without_noise_the_middle_of_each_part():
    chosen, _ = drawn(None, np.array([20], "int32"), 5)
    np.testing.assert_array_equal(chosen, [[2, 6, 10, 14, 18]])


@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7)])
def test_positions_lie_in_the_mask(shape):
    mask = (RNG.random((3, *shape, 1)) > 0.6).astype("float32")
    noise = RNG.random((3, 6)).astype("float32")
    found, valid = (ops.convert_to_numpy(x) for x in positions_within(mask, noise, 6))
    ranks, _ = drawn(noise, mask.reshape(3, -1).sum(1).astype("int32"), 6)
    for item in range(3):
        inside = np.flatnonzero(mask[item])
        np.testing.assert_array_equal(found[item], inside[ranks[item]])
        assert valid[item].all()


def test_small_and_empty_masks_give_all_they_have():
    mask = np.zeros((2, 5, 7, 1), "float32")
    mask[0, 1, 2], mask[0, 4, 6] = 1, 1
    found, valid = (ops.convert_to_numpy(x) for x in positions_within(mask, None, 5))
    assert sorted(found[0][valid[0]]) == [9, 34]
    assert not valid[1].any()
    assert found.min() >= 0
    assert found.max() < 35


def test_rows_at_positions():
    features = RNG.normal(size=(2, 3, 5, 7, 4)).astype("float32")
    indices = RNG.integers(0, 105, (2, 6)).astype("int32")
    expected = np.stack([f.reshape(-1, 4)[i] for f, i in zip(features, indices, strict=True)])
    np.testing.assert_array_equal(ops.convert_to_numpy(rows_at(features, indices)), expected)


@pytest.mark.parametrize("shape", [(3, 5), (6, 20), (2, 10)])
def test_nearest_on_another_grid(shape):
    mask = RNG.random((2, 6, 10, 1)).astype("float32")
    places = [
        np.clip(np.floor((np.arange(n) + 0.5) * m / n).astype(int), 0, m - 1)
        for n, m in zip(shape, (6, 10), strict=True)
    ]
    expected = mask[:, places[0]][:, :, places[1]]
    np.testing.assert_array_equal(ops.convert_to_numpy(nearest_on(mask, shape)), expected)
