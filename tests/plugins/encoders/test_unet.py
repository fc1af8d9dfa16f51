import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError


@pytest.mark.parametrize("sizes", [(8, 16, 24), (16, 8)])
def test_pyramid_halves_level_by_level(sizes):
    encoder = tfregkit.build("encoder", "unet", filters=[3, 5, 7], convolutions=2)
    pyramid = encoder(np.ones((2, *sizes, 2), np.float32))
    assert encoder.stride == 4
    for level, channels in enumerate([3, 5, 7]):
        assert tuple(pyramid[f"P{level}"].shape) == (2, *(size // 2**level for size in sizes), channels)
    assert len(encoder.trainable_variables) == 2 * 3 * 2


def test_deeper_levels_see_the_maximum():
    """A single bright voxel survives the pooling wherever it lies in its cell."""
    encoder = tfregkit.build("encoder", "unet", filters=[1, 1], kernel_size=1, slope=1.0)
    image = np.zeros((1, 4, 4, 4, 1), np.float32)
    encoder(image)
    for variable in encoder.trainable_variables:
        variable.assign(np.full(variable.shape, float(len(variable.shape) > 1)))
    image[0, 1, 2, 3, 0] = 5
    coarse = ops.convert_to_numpy(encoder(image)["P1"])[0, ..., 0]
    assert np.argwhere(coarse == 5).tolist() == [[0, 1, 1]]
    assert coarse.sum() == 5


def test_embedding_reaches_every_block():
    encoder = tfregkit.build("encoder", "unet", filters=[3, 5], normalization="instance")
    image, embedding = np.ones((1, 4, 4, 4, 2), np.float32), np.ones((1, 7), np.float32)
    encoder(image, embedding)
    assert len(encoder.losses) == 2 * 2  # weight decay on kernel and bias of each projection


def test_a_pooled_bottom_is_the_last_level_pooled():
    encoder = tfregkit.build("encoder", "unet", filters=[3, 5], pooled_bottom=True)
    pyramid = encoder(np.random.default_rng(1).normal(size=(2, 8, 4, 12, 2)).astype(np.float32))
    assert encoder.stride == 4
    fine, coarse = (ops.convert_to_numpy(pyramid[name]) for name in ("P1", "P2"))
    np.testing.assert_array_equal(coarse, fine.reshape(2, 2, 2, 1, 2, 3, 2, 5).max((2, 4, 6)))
    assert len(encoder.trainable_variables) == 2 * 2


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_recomputing_blocks_with_moving_statistics_is_refused(kind):
    with pytest.raises(ConfigError, match="`normalization: batch` would count every batch twice. Set `remat` to false"):
        tfregkit.build(kind, "unet", normalization="batch", remat=True)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"kernel_size": 4}, "kernel_size"), ({"filters": [8]}, "filters"), ({"slope": -0.1}, "slope")],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ConfigError, match=message):
        tfregkit.build("encoder", "unet", **parameters)
