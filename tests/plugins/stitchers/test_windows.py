import numpy as np
import pytest
from keras import ops
from references.stitching import swin_groups

from tfregkit_plugins.stitchers.windows import relative_positions, shifted_groups


def groups(grid, side, shift):
    return ops.convert_to_numpy(shifted_groups(grid, side, shift))


def partition(numbers):
    """Numbers without their values: which places have equal ones."""
    return np.unique(numbers, return_inverse=True)[1].reshape(numbers.shape)


@pytest.mark.parametrize(("size", "side", "shift"), [(8, 4, 1), (8, 4, 2), (6, 3, 1), (9, 3, 2)])
def test_groups_are_those_of_slices_of_an_index_volume(size, side, shift):
    found = groups((size,) * 3, side, shift)
    np.testing.assert_array_equal(partition(found), partition(swin_groups(size, side, shift)))
    assert len(np.unique(found)) == 27


def test_axes_of_different_lengths():
    found = groups((4, 6, 8), 2, 1)
    for along, size in ((found[:, 0, 0], 4), (found[0, :, 0], 6), (found[0, 0, :], 8)):
        np.testing.assert_array_equal(partition(along), [0] * (size - 2) + [1, 2])


def test_one_window_has_its_own_and_the_wrapped_tokens():
    assert len(np.unique(groups((4, 4, 4), 4, 1))) == 8


def test_without_a_shift_nobody_is_wrapped():
    found = groups((8, 8, 8), 4, 0)
    windows = found.reshape(2, 4, 2, 4, 2, 4).transpose(0, 2, 4, 1, 3, 5).reshape(8, 64)
    assert (windows == windows[:, :1]).all()


def test_relative_positions_are_one_row_for_each_difference():
    side = 3
    rows = relative_positions(side)
    places = np.array([(i, j, k) for i in range(side) for j in range(side) for k in range(side)])
    assert rows.shape == (27, 27)
    assert (rows.min(), rows.max(), len(np.unique(rows))) == (0, 5**3 - 1, 5**3)
    assert (np.diag(rows) == 62).all()  # no difference: the middle of the table
    differences = {}
    for i, a in enumerate(places):
        for j, b in enumerate(places):
            assert differences.setdefault(tuple(a - b), rows[i, j]) == rows[i, j]
