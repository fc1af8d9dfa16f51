import numpy as np
import pytest
from world_grids import GRIDS

from tfregkit.data.turn import turned, turned_back


@pytest.mark.parametrize("name", GRIDS)
def test_axes_run_along_ras_and_go_back(name):
    """Along each axis of the turned array its own world coordinate rises, more than the two others change."""
    grid = GRIDS[name]
    voxels = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)
    places = grid.voxel_to_world(voxels)
    by_axis = np.stack([turned(places[..., world], grid) for world in range(3)])
    for axis in range(3):
        step = np.diff(by_axis, axis=axis + 1).reshape(3, -1)[:, 0]
        assert step[axis] > 0
        assert np.abs(step).argmax() == axis
    back = np.stack([turned_back(coordinate, grid) for coordinate in by_axis], -1)
    np.testing.assert_array_equal(back, places)
