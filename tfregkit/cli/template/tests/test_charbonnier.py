"""The similarity keeps the rules, has the value of its formula, and is found by its name."""

import keras
import numpy as np
import pytest

import my_plugin
import tfregkit
from my_plugin.charbonnier import Charbonnier
from tfregkit.testing import checks


@pytest.mark.parametrize("check", checks("similarity"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(Charbonnier(sigma=0.2))


def test_value_by_hand():
    fixed = np.zeros((2, 5, 7, 3, 1), "float32")
    moved = np.array([0.3, 0.8], "float32").reshape(2, 1, 1, 1, 1) + fixed
    value = keras.ops.convert_to_numpy(Charbonnier(sigma=0.4)(fixed, moved))
    np.testing.assert_allclose(value, [0.25, 5**0.5 - 1], rtol=1e-6)  # sqrt(1 + 0.75²) - 1, sqrt(1 + 2²) - 1


def test_is_found_by_name(tfregkit_registry):
    tfregkit_registry(my_plugin)
    assert tfregkit.build("similarity", "my_plugin_charbonnier", sigma=0.5).sigma == 0.5
