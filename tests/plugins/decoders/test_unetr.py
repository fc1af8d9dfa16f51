import numpy as np
import pytest
from keras import ops

import tfregkit
from tfregkit.errors import ConfigError

RNG = np.random.default_rng(6)


def pyramid(*coarsest, levels=3):
    shapes = [tuple(size * 2 ** (levels - 1 - n) for size in coarsest) for n in range(levels)]
    return {f"P{n}": RNG.normal(size=(2, *shape, n + 2)).astype(np.float32) for n, shape in enumerate(shapes)}


@pytest.mark.parametrize("coarsest", [(2, 3, 1), (3, 2)])
def test_doubles_joins_and_convolves(coarsest):
    decoder, maps = tfregkit.build("decoder", "unetr", filters=[5, 3]), pyramid(*coarsest)
    assert decoder.doublings == 2
    found = decoder(maps)
    features = maps["P2"]
    for number, name in enumerate(["P1", "P0"]):
        up = ops.convert_to_numpy(decoder.up[number](features))
        features = ops.convert_to_numpy(decoder.blocks[number](np.concatenate([up, maps[name]], -1)))
    np.testing.assert_allclose(ops.convert_to_numpy(found), features, atol=1e-5)
    assert found.shape == (*maps["P0"].shape[:-1], 3)


def test_fewer_filters_end_at_a_coarser_level():
    decoder, maps = tfregkit.build("decoder", "unetr", filters=[5]), pyramid(2, 3, 1)
    assert decoder(maps).shape == (2, 4, 6, 2, 5)


def test_an_embedding_reaches_every_block():
    decoder = tfregkit.build("decoder", "unetr", filters=[5, 3])
    decoder(pyramid(2, 3), RNG.normal(size=(2, 7)).astype(np.float32))
    assert len(decoder.losses) == 2 * 2 * 2  # weight decay on kernel and bias of each projection


def test_what_it_cannot_take_is_refused():
    decoder = tfregkit.build("decoder", "unetr", filters=[8, 8, 4])
    with pytest.raises(ConfigError, match=r"the encoder gives 3 levels, so 2. Received: filters=\[8, 8, 4\]"):
        decoder(pyramid(2, 3))
    with pytest.raises(ConfigError, match="`kernel_size` must be odd"):
        tfregkit.build("decoder", "unetr", kernel_size=2)
