import numpy as np
import pytest

import tfregkit
from tfregkit.errors import ConfigError

PYRAMID = {
    "P0": np.ones((2, 8, 12, 20, 3), np.float32),
    "P1": np.ones((2, 4, 6, 10, 5), np.float32),
    "P2": np.ones((2, 2, 3, 5, 7), np.float32),
}


@pytest.mark.parametrize(("final", "channels"), [([], 4), ([6], 6)])
def test_gives_features_at_full_resolution(final, channels):
    decoder = tfregkit.build("decoder", "unet", filters=[8, 4], final=final)
    assert tuple(decoder(PYRAMID).shape) == (2, 8, 12, 20, channels)
    taps = [3**3 * (7 + 5) * 8 + 8, 3**3 * (8 + 3) * 4 + 4] + [3**3 * 4 * 6 + 6] * len(final)
    assert decoder.count_params() == sum(taps)


def test_fewer_filters_end_at_a_coarser_level():
    decoder = tfregkit.build("decoder", "unet", filters=[8], final=[6])
    assert tuple(decoder(PYRAMID).shape) == (2, 4, 6, 10, 6)


def test_further_blocks_at_the_bottom_and_on_each_level_but_the_last():
    decoder = tfregkit.build("decoder", "unet", filters=[8, 4], final=[], bottom=[9, 6], convolutions=3)
    assert tuple(decoder(PYRAMID).shape) == (2, 8, 12, 20, 4)
    kernels = [tuple(v.shape[-2:]) for v in decoder.trainable_variables if v.path.endswith("kernel")]
    assert sorted(kernels) == sorted([(7, 9), (9, 6), (6 + 5, 8), (8, 8), (8, 8), (8 + 3, 4)])


def test_number_of_levels_must_fit():
    decoder = tfregkit.build("decoder", "unet", filters=[8, 8, 4])
    with pytest.raises(ConfigError, match=r"the encoder gives 3 levels, so 2. Received: filters=\[8, 8, 4\]"):
        decoder(PYRAMID)


def test_even_kernels_are_refused():
    with pytest.raises(ConfigError, match="kernel_size"):
        tfregkit.build("decoder", "unet", kernel_size=2)
