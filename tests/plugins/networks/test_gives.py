"""Networks of other kinds than registration give what they say they do; those are checked with all the others."""

import numpy as np
import pytest

import tfregkit
from tfregkit.registry import current

UNET = {"name": "unet", "filters": [3, 4]}
OTHERS = {
    "autoencoder": {"filters": [3] * 7},
    "densefuse": {"filters": 2, "decoder_filters": [2]},
    "mixcl": {"encoder": UNET, "reconstructor": {"name": "unet", "filters": [3]}},
    "segmentation": {"labels": [4, 7], "encoder": UNET, "decoder": {"name": "unet", "filters": [3]}},
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_it_gives_is_among_the_outputs(name):
    network = tfregkit.build("network", name, **OTHERS[name])
    images = np.random.default_rng(3).random((2, 1, 8, 16, 24, 1), dtype="float32")
    outputs = network({"moving": images[0], "fixed": images[1]})
    assert network.gives
    assert set(network.gives) <= set(outputs)


def test_all_others_give_a_displacement():
    registry = current()
    kinds = {name: registry.get("network", name).component.gives for name in registry.names("network")}
    assert {name for name, gives in kinds.items() if "displacement" not in gives} == set(OTHERS)
