"""Turning a pair to R, A, S axes: every voxel keeps its place in the world, every vector its direction."""

import itertools

import numpy as np
import pytest
from references.cases import SHAPE, case

from tfregkit.evaluation.canonical import canonical

FLIPS = [(order, signs) for order in itertools.permutations(range(3)) for signs in ((1, 1, 1), (-1, 1, -1))]


def turned_case(order, signs):
    """A pair whose array axis k runs along world axis order[k], forwards or backwards, slightly oblique."""
    spacing = np.array([2.0, 1.5, 3.0])
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        affine[world, axis] = sign * spacing[axis]
    tilt = np.eye(3) + np.array([[0, 0.05, 0], [-0.05, 0, 0.02], [0, -0.02, 0]])
    affine[:3, :3] = tilt @ affine[:3, :3]
    affine[:3, 3] = [5.0, -7.0, 11.0]
    return case(affine=affine)


@pytest.mark.parametrize(("order", "signs"), FLIPS)
def test_places_and_vectors_in_the_world_do_not_change(order, signs):
    pair = turned_case(order, signs)
    result = canonical(pair)
    assert np.all(np.diag(result.affine)[:3] > 1.0)
    world = result.affine[:3, :3] @ np.array([1, 3, 2]) + result.affine[:3, 3]
    voxel = np.rint(np.linalg.solve(pair.affine[:3, :3], world - pair.affine[:3, 3])).astype(int)
    assert result.fixed[1, 3, 2] == pair.fixed[tuple(voxel)]
    assert result.moved_labels[1, 3, 2] == pair.moved_labels[tuple(voxel)]
    vector_mm = result.affine[:3, :3] @ result.displacement[1, 3, 2]
    np.testing.assert_allclose(vector_mm, pair.affine[:3, :3] @ pair.displacement[tuple(voxel)], rtol=1e-5)


def test_canonical_pair_stays_as_it_is():
    pair = case()
    result = canonical(pair)
    np.testing.assert_array_equal(result.displacement, pair.displacement)
    assert result.fixed.shape == SHAPE
    assert result.fixed_mask is None
