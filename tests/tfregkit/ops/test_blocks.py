import itertools

import keras
import numpy as np
import pytest
from backends import gradients, tensorflow_only
from keras import ops

from tfregkit.ops.blocks import merge_blocks, split_blocks

RNG = np.random.default_rng(11)
CASES = [((6, 10), 2), ((15, 6), 3), ((4, 6, 10), 2), ((9, 6, 3), 3), ((5, 7, 2), 1), ((6, 5, 14), (3, 1, 2))]


def counts_of(shape, count):
    return [count] * len(shape) if isinstance(count, int) else count


def blocks_of(image, count):
    """Block by block, as the definition says."""
    counts = counts_of(image.shape[1:-1], count)
    sides = [size // number for size, number in zip(image.shape[1:-1], counts, strict=True)]
    found = []
    for item in image:
        for place in itertools.product(*map(range, counts)):
            where = tuple(slice(i * s, (i + 1) * s) for i, s in zip(place, sides, strict=True))
            found.append(item[where])
    return np.stack(found)


@pytest.mark.parametrize(("shape", "count"), CASES)
def test_blocks_come_item_by_item_in_the_order_of_the_array(shape, count):
    image = RNG.normal(size=(3, *shape, 2)).astype("float32")
    found = ops.convert_to_numpy(split_blocks(image, count))
    np.testing.assert_array_equal(found, blocks_of(image, count))


@pytest.mark.parametrize(("shape", "count"), CASES)
def test_merging_is_the_exact_inverse_both_ways(shape, count):
    image = RNG.normal(size=(2, *shape, 3)).astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(merge_blocks(split_blocks(image, count), count)), image)
    blocks = RNG.normal(size=(2 * np.prod(counts_of(shape, count)), *shape, 3)).astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(split_blocks(merge_blocks(blocks, count), count)), blocks)


def test_gradients_go_back_to_their_own_voxels():
    image = RNG.normal(size=(2, 4, 6, 2, 3)).astype("float32")
    weights = RNG.normal(size=(16, 2, 3, 1, 3)).astype("float32")
    given = ops.convert_to_tensor(weights)
    (found,) = gradients(lambda x: ops.sum(split_blocks(x, 2) * given), image)
    np.testing.assert_array_equal(found, ops.convert_to_numpy(merge_blocks(weights, 2)))


@tensorflow_only
def test_batch_and_sizes_known_only_at_run_time():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 6, 2))])
    def both(image):
        blocks = split_blocks(image, 2)
        assert blocks.shape[-2:] == (3, 2)
        return blocks, merge_blocks(blocks, 2)

    for shape in [(1, 4, 10, 6, 2), (3, 2, 8, 6, 2)]:
        image = RNG.normal(size=shape).astype("float32")
        blocks, merged = both(image)
        np.testing.assert_array_equal(blocks.numpy(), blocks_of(image, 2))
        np.testing.assert_array_equal(merged.numpy(), image)


def test_sizes_that_do_not_divide_are_refused_with_sizes_that_work():
    with pytest.raises(ValueError, match="multiples of 3x3x3, as in 6x9x3 or 9x9x6. Received: 7x9x5"):
        split_blocks(ops.zeros((1, 7, 9, 5, 1)), 3)
    with pytest.raises(ValueError, match="multiples of 4x4, as in 4x8. Received: 2x5"):
        split_blocks(ops.zeros((1, 2, 5, 1)), 4)
    with pytest.raises(ValueError, match="multiples of 2x5, as in 6x5 or 6x10. Received: 6x7"):
        split_blocks(ops.zeros((1, 6, 7, 1)), (2, 5))


def test_a_size_unknown_is_not_judged():
    with pytest.raises(ValueError, match=r"as in \?x6 or \?x8. Received: \?x7"):
        split_blocks(keras.KerasTensor((None, None, 7, 1)), 2)


def test_blocks_of_half_an_image_are_refused():
    with pytest.raises(ValueError, match="2x2x2 blocks each. Received: 12 blocks"):
        merge_blocks(ops.zeros((12, 2, 3, 5, 1)), 2)
