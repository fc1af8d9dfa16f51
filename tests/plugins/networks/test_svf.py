import keras
import numpy as np
import pytest
from backends import OTHERS, run_tests
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError
from tfregkit.layers import VecInt
from tfregkit.ops import resize_field

RNG = np.random.default_rng(6)
SMALL = {
    "encoder": {"name": "unet", "filters": [3, 4, 5]},
    "decoder": {"name": "unet", "filters": [4, 3], "final": [3]},
}


def network(**parameters):
    return tfregkit.build("network", "svf", **{**SMALL, **parameters})


def pair(shape=(8, 12, 20), batch=2, **more):
    images = {name: RNG.normal(size=(batch, *shape, 1)).astype(np.float32) for name in ("moving", "fixed")}
    return {**images, **more}


def array(x):
    return ops.convert_to_numpy(x)


def stirred(built, inputs):
    """The network with a velocity of at most a voxel, whatever its other weights, instead of its tiny initial one."""
    built(inputs)
    kernel = RNG.normal(size=built.velocity_head.kernel.shape)
    built.velocity_head.kernel.assign(kernel)
    built.velocity_head.kernel.assign(kernel / np.abs(array(built(inputs)["velocity"])).max())
    return built


@pytest.mark.parametrize("shape", [(8, 12, 20), (12, 8)])
@pytest.mark.parametrize("resolution", ["full", "half"])
def test_fields_are_the_integrals_of_the_velocity_on_the_images_grid(shape, resolution):
    inputs = pair(shape)
    out = stirred(network(resolution=resolution, steps=5), inputs)(inputs)
    grid = shape if resolution == "full" else tuple(size // 2 for size in shape)
    assert tuple(out["velocity"].shape) == (2, *grid, len(shape))
    assert np.abs(array(out["velocity"])).max() > 0.3
    for name, sign in (("displacement", 1), ("inverse", -1)):
        expected = resize_field(VecInt(steps=5)(sign * out["velocity"]), shape)
        np.testing.assert_allclose(array(out[name]), array(expected), atol=1e-5)


def test_starts_near_the_identity():
    out = network()(pair())
    assert 0 < np.abs(array(out["displacement"])).max() < 1e-2


def test_order_of_the_images_matters_to_the_velocity():
    inputs = pair()
    built = stirred(network(), inputs)
    swapped = {"moving": inputs["fixed"], "fixed": inputs["moving"]}
    assert not np.allclose(array(built(inputs)["velocity"]), array(built(swapped)["velocity"]), atol=1e-3)


def test_inverse_is_given_in_training_only_when_bidirectional():
    inputs = pair()
    assert "inverse" not in network()(inputs, training=True)
    assert "inverse" in network()(inputs, training=False)
    assert "inverse" in network(bidirectional=True)(inputs, training=True)


def test_without_steps_the_velocity_is_the_displacement_and_there_is_no_inverse():
    inputs = pair()
    out = stirred(network(steps=0, resolution="full"), inputs)(inputs)
    np.testing.assert_array_equal(array(out["displacement"]), array(out["velocity"]))
    assert "inverse" not in out


def test_grid_must_fit_the_network():
    with pytest.raises(ConfigError, match=r"multiples of 4x4x4, as in 8x12x16 or 8x12x20. Received: 8x12x18"):
        network()(pair((8, 12, 18)))
    with pytest.raises(ConfigError, match="bidirectional"):
        network(bidirectional=True, steps=0)


def test_one_network_takes_any_fitting_grid():
    built = network()
    for shape in [(8, 12, 20), (16, 4, 12)]:
        assert tuple(built(pair(shape))["displacement"].shape) == (2, *shape, 3)


def test_mixed_precision_integrates_in_float32():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")  # TensorFlow has no float16 pooling on a CPU
    try:
        built = network()
        out = built(pair())
        assert {name: array(field).dtype for name, field in out.items()} == dict.fromkeys(out, np.dtype("float32"))
        assert built.encoder.blocks[0][0].conv.compute_dtype == "bfloat16"
        assert built.velocity_head.compute_dtype == "float32"
    finally:
        keras.mixed_precision.set_dtype_policy(before)


@pytest.mark.parametrize("conditioning", ["none", "film"])
def test_saved_file_restores_the_network(tmp_path, conditioning):
    inputs = pair(lam=np.array([[0.1], [0.9]], np.float32))
    built = stirred(network(conditioning=conditioning, resolution="full", steps=3), inputs)
    built.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(array(again(inputs)["displacement"]), array(built(inputs)["displacement"]))
    assert (again.steps, again.resolution, again.encoder.filters) == (3, "full", [3, 4, 5])


@pytest.mark.parity
@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends(backend):
    paths = ["encoders", "decoders", "networks", "strategies/test_reconstruction.py"]
    core = ["ops/test_upsample.py", "ops/test_leaky_relu.py", "ops/test_reduce.py"]
    core += ["ops/test_attention.py", "ops/test_stretch.py", "ops/test_instance_norm.py"]
    core += ["layers/test_conv_block.py", "layers/test_cin_block.py", "layers/test_residual_block.py"]
    run_tests(backend, *(f"tests/plugins/{path}" for path in paths), *(f"tests/tfregkit/{path}" for path in core))
