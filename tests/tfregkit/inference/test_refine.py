"""What `refine` starts from is what the network gave, whatever kind of field that is."""

import numpy as np
import pytest

import tfregkit
from tfregkit.inference.refine import refine
from tfregkit.objective.objective import Objective
from tfregkit.ops import integrate, resize_field, warp
from tfregkit.testing.common import array, field, image

SHAPE, COARSE = (11, 13, 17), (6, 7, 9)


@pytest.mark.parametrize("kind", ["displacement", "stationary velocity", "velocity that is the displacement"])
def test_the_first_loss_is_that_of_the_networks_own_field(kind):
    moving, fixed = image(SHAPE, 1, batch=1), image(SHAPE, 2, batch=1)
    given = field(SHAPE if kind == "displacement" else COARSE, 3, size=4.0, batch=1)
    displacement = array(resize_field(integrate(given) if kind.startswith("stationary") else given, SHAPE))
    outputs = {"displacement": displacement}
    if kind != "displacement":
        outputs["velocity"] = given
    if kind.startswith("stationary"):
        outputs["inverse"] = array(resize_field(integrate(-given), SHAPE))
    seen = []
    objective = Objective(terms={"likeness": tfregkit.build("similarity", "mse")})
    refined = refine(outputs, moving, fixed, objective, 2, report=lambda step, steps, loss: seen.append(loss))
    expected = np.mean((fixed - array(warp(moving, displacement))) ** 2)
    np.testing.assert_allclose(seen[0], expected, rtol=1e-4)
    assert seen[1] < seen[0]
    assert refined.keys() == outputs.keys()
    assert all(refined[name].shape == outputs[name].shape for name in outputs)
