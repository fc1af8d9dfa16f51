"""A network with a mixed policy, computing in float32 for a while."""

import keras
import numpy as np
import pytest
from backends import tensorflow_only
from keras import ops

import tfregkit
from tfregkit.layers.full_precision import full_precision


def network(policy):
    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy(policy)
    try:
        made = tfregkit.build("network", "voxelmorph", encoder_filters=[3, 5], decoder_filters=[5, 5, 3], steps=0)
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(2)
    inputs = {role: ops.convert_to_tensor(rng.random((1, 8, 12, 1), dtype="float32")) for role in ("moving", "fixed")}
    made(inputs)
    for variable in made.trainable_variables:
        variable.assign(0.3 * rng.normal(size=variable.shape))
    return made, lambda: ops.convert_to_numpy(made(inputs)["displacement"])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", pytest.param("mixed_float16", marks=tensorflow_only)])
def test_it_gives_what_a_float32_network_gives_and_then_what_it_gave(policy):
    expected = network("float32")[1]()
    made, look = network(policy)
    before = look()
    with full_precision(made):
        np.testing.assert_allclose(look(), expected, rtol=1e-6)
    assert np.abs(before - expected).max() > 1e-4
    np.testing.assert_array_equal(look(), before)


def test_the_policies_come_back_after_an_error():
    made, _ = network("mixed_bfloat16")
    before = [layer.compute_dtype for layer in made._flatten_layers()]
    seen = []

    def fail():
        with full_precision(made):
            seen.extend(layer.compute_dtype for layer in made._flatten_layers())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert set(seen) == {"float32"}
    assert [layer.compute_dtype for layer in made._flatten_layers()] == before
    assert "bfloat16" in before
