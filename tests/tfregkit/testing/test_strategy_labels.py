"""The checks of a strategy give label maps to one that needs them."""

import pytest
from keras import ops

from tfregkit.api import Strategy
from tfregkit.ops.class_maps import class_maps
from tfregkit.testing import checks


class Overlapping(Strategy):
    """Two structures, moved by the field's size: enough to depend on labels and network."""

    needs = ("labels",)

    def __init__(self) -> None:
        super().__init__()

    def call(self, batch, network, objective, training=None):
        field = network({name: batch[name] for name in ("moving", "fixed")})["displacement"]
        both = [class_maps(batch[f"{role}_labels"], [(1,), (2,)]) for role in ("moving", "fixed")]
        moved = both[0] * ops.mean(ops.square(field), axis=-1, keepdims=True)
        return {"total": ops.mean(ops.square(both[1] - moved), axis=(1, 2, 3, 4))}


@pytest.mark.parametrize("check", checks("strategy"), ids=lambda check: check.__name__)
def test_conforms(check):
    check(Overlapping())
