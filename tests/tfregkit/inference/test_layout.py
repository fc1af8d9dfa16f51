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


@pytest.mark.parametrize("case", CASES)
def test_weights_sum_to_one_everywhere(case):
    found = layout(case)
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


def test_borders_are_where_a_tile_begins_or_ends():
    assert Layout.evenly((14, 8, 4), (8, 4, 4), (2, 0, 0), 1).borders() == [[6, 8], [4], []]
    assert Layout((8, 8, 8), (8, 8, 8), ((0,),) * 3).borders() == [[], [], []]
