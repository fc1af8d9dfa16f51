import numpy as np
import pytest

from tfregkit.inference.layout import Layout

CASES = [
    ((32, 48, 24), (16, 48, 100), (4, 0, 8), 4),
    ((40, 24, 16), (12, 16, 8), (8, 4, 0), 4),
    ((70, 20, 30), (30, 11, 20), (10, 9, 15), 1),
]


def layout(case):
    return Layout.evenly(*case)


@pytest.mark.parametrize("case", CASES)
def test_tiles_cover_the_grid_and_overlap_enough(case):
    shape, largest, overlap, stride = case
    found = layout(case)
    for axis, starts in enumerate(found.starts):
        side = found.tile[axis]
        assert side == min(shape[axis], largest[axis] // stride * stride)
        assert starts[0] == 0
        assert starts[-1] + side == shape[axis]
        assert all(start % stride == 0 for start in starts)
        shared = [a + side - b for a, b in zip(starts, starts[1:], strict=False)]
        assert all(overlap[axis] <= voxels < side for voxels in shared)
        assert found.overlap[axis] == min(shared, default=0)
        fewer = len(starts) - 1  # with one tile less, some neighbours would share less than they must
        assert fewer == 0 or fewer * side - (fewer - 1) * overlap[axis] < shape[axis]


@pytest.mark.parametrize("weights", ["linear", "gaussian"])
@pytest.mark.parametrize("case", CASES)
def test_weights_sum_to_one_everywhere(case, weights):
    found = Layout.evenly(*case, weights)
    total, number = np.zeros(found.shape), 0
    for box, weights in found.boxes():
        assert weights.shape == found.tile
        assert weights.min() > 0
        total[box] += weights
        number += 1
    assert number == np.prod(found.counts)
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_a_weight_falls_linearly_over_what_two_tiles_share():
    found = Layout.evenly((14, 4, 4), (8, 4, 4), (2, 0, 0), 1)
    (_, left), (_, right) = found.boxes()
    np.testing.assert_allclose(left[:, 0, 0], [1, 1, 1, 1, 1, 1, 0.75, 0.25])
    np.testing.assert_allclose(right[:, 0, 0], left[::-1, 0, 0])


@pytest.mark.parametrize("case", CASES)
def test_gaussian_weights_are_bells_about_the_tiles_middles(case):
    """`exp(-|p - c|^2 / (2 sigma^2))`, sigma an eighth of the side along each axis, made to sum to 1 at each voxel."""
    found = Layout.evenly(*case, "gaussian")
    points = np.stack(np.meshgrid(*map(np.arange, found.shape), indexing="ij"), axis=-1)
    bells, boxes, side = [], [], np.array(found.tile, float)
    for box, weights in found.boxes():
        centre = np.array([part.start for part in box]) + (side - 1) / 2
        bell = np.exp(-0.5 * (((points - centre) / (side / 8)) ** 2).sum(axis=-1))
        inside = np.zeros(found.shape, bool)
        inside[box] = True
        bells.append(np.where(inside, bell, 0.0))
        boxes.append((box, weights))
    total = np.sum(bells, axis=0)
    for bell, (box, weights) in zip(bells, boxes, strict=True):
        np.testing.assert_allclose(weights, (bell / total)[box], rtol=1e-5, atol=1e-7)


def test_a_gaussian_tile_counts_next_to_nothing_where_it_ends_within_another():
    """Half and half between two middles; where a tile ends in the other by a quarter: 1 to exp(-72 / 12 * 47 / 48)."""
    left, right = (
        weights[:, 0, 0] for _, weights in Layout.evenly((84, 2, 2), (48, 2, 2), (12, 0, 0), 1, "gaussian").boxes()
    )
    np.testing.assert_allclose(left[36:48] + right[:12], 1, rtol=1e-6)
    np.testing.assert_allclose(left[36:48], right[:12][::-1], rtol=1e-5)
    odds = np.exp(-0.5 * ((23.5 / 6) ** 2 - (12.5 / 6) ** 2))
    np.testing.assert_allclose(left[47], odds / (1 + odds), rtol=1e-5)
    assert left[47] < 0.01


def test_borders_are_where_a_tile_begins_or_ends():
    assert Layout.evenly((14, 8, 4), (8, 4, 4), (2, 0, 0), 1).borders() == [[6, 8], [4], []]
    assert Layout((8, 8, 8), (8, 8, 8), ((0,),) * 3).borders() == [[], [], []]
