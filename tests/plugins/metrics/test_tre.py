"""`tre` by hand."""

import math

import numpy as np
import pytest
from references.cases import case

from tfregkit.api import DataError
from tfregkit_plugins.metrics.tre import TRE

FIXED = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_mean_distance_in_mm_before_and_after():
    pair = case(
        fixed_points_mm=FIXED,
        moving_points_mm=FIXED + [3.0, 4.0, 0.0],
        initial_points_mm=FIXED,
        warped_points_mm=FIXED + [[3.0, 4.0, 0.0], [3.0, 4.0, 2.0]],
    )
    assert TRE()(pair) == {"": pytest.approx(1.0)}
    assert TRE()(pair.before()) == {"": pytest.approx(5.0)}


def test_no_points_no_value():
    assert TRE()(case()) == {}
    nothing = np.zeros((0, 3))
    empty = TRE()(case(fixed_points_mm=nothing, moving_points_mm=nothing, warped_points_mm=nothing))
    assert math.isnan(empty[""])


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        ("registration", "a_to_b: the fixed image has 2 points and the moving image 1;"),
        ("segmentation", "a_to_b: the moving image has 2 points and the fixed image 1;"),
    ],
)
def test_lists_of_different_length_are_refused(direction, message):
    points = {"fixed_points_mm": FIXED, "moving_points_mm": FIXED[:1], "warped_points_mm": FIXED}
    with pytest.raises(DataError, match=message):
        TRE()(case(**points, direction=direction))
