import numpy as np
import pytest
from backends import gradients
from keras import ops
from references import contrast

from tfregkit.ops.block_means import block_means
from tfregkit.ops.blocks import split_blocks


def image(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype="float32")


@pytest.mark.parametrize("shape", [(2, 5, 7, 11, 3), (2, 7, 13, 3)])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_agrees_with_the_definition_for_sizes_that_are_no_multiples(shape, count):
    x = image(*shape)
    found = ops.convert_to_numpy(block_means(x, count))
    assert found.shape == (2, count ** (len(shape) - 2), 3)
    np.testing.assert_allclose(found, contrast.block_means(x, count), rtol=1e-5)


def test_are_the_means_of_the_blocks_of_an_image_that_can_be_split():
    x = image(2, 6, 10, 4, 3)
    blocks = ops.convert_to_numpy(split_blocks(x, 2))
    np.testing.assert_allclose(
        ops.convert_to_numpy(block_means(x, 2)), blocks.mean((1, 2, 3)).reshape(2, 8, 3), rtol=1e-5
    )


def test_statistics_are_float32_and_gradients_are_the_weights():
    x = image(1, 5, 3, 2)
    half = block_means(ops.cast(x, "bfloat16"), 2)
    assert "float32" in str(half.dtype)
    (slope,) = gradients(lambda y: ops.sum(block_means(y, 2)[:, 0]), x)
    expected = np.outer([0.4, 0.4, 0.2, 0, 0], [2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(slope[0, ..., 1], expected, atol=1e-6)


def test_fewer_voxels_than_boxes_are_refused():
    with pytest.raises(ValueError, match=r"at least 3 voxels along each axis. Received: .*2"):
        block_means(image(1, 5, 2, 1), 3)
