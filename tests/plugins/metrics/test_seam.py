import numpy as np
import pytest
from references.cases import case

from tfregkit_plugins.metrics.seam import Seam

SHAPE = (8, 6, 12)
PLACES = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).astype(np.float32)


def halves(jump):
    """A smooth field whose second half along z is shifted."""
    field = 0.1 * np.sin(PLACES / 3).astype(np.float32)
    field[:, :, SHAPE[2] // 2 :, 1] += jump
    return field


def of(field, **parts):
    pair = case(displacement=field, **parts)
    return Seam()(pair)[""]


def test_grows_with_the_jump():
    values = [of(halves(jump)) for jump in (0.0, 0.5, 1.0)]
    assert values[0] == pytest.approx(1, abs=0.3)
    assert values[0] < 2 < values[1] < values[2]


def test_an_axis_that_is_turned_changes_nothing():
    field = halves(0.5)
    assert of(field[:, :, ::-1]) == pytest.approx(of(field), rel=1e-5)


def test_the_affine_start_is_taken_out():
    linear = np.array([[1.1, 0.1, 0.0], [0.0, 0.9, 0.2], [0.1, 0.0, 1.3]])
    affine = np.diag([1.0, 2.0, -0.5, 1.0])
    initial = np.eye(4)
    initial[:3, :3], initial[:3, 3] = affine[:3, :3] @ linear @ np.linalg.inv(affine[:3, :3]), (3, -2, 1)
    whole = ((PLACES + halves(0.5)) @ linear.T - PLACES + 7).astype(np.float32)
    found = of(whole, affine=affine, initial=initial)
    assert found == pytest.approx(of(halves(0.5)), rel=1e-3)
    assert found != pytest.approx(of(whole, affine=affine), rel=0.2)


def test_more_blocks_have_more_borders():
    field = halves(1.0)
    assert Seam(count=3)(case(displacement=field))[""] < 1.5 < Seam(count=4)(case(displacement=field))[""]


def test_before_registration_it_is_undefined():
    pair = case(displacement=halves(1.0), initial=np.diag([1.5, 1.0, 1.0, 1.0]))
    assert np.isnan(Seam()(pair.before())[""])
