import numpy as np
from keras import ops
from references.overlap import class_maps as reference

from tfregkit.ops.class_maps import class_maps, class_numbers

STRUCTURES = [(7,), (-3, 12_000), (255, 2, 4)]
VALUES = [0, 7, -3, 12_000, 255, 2, 4, 1, 3, 300, -4, 2_000_000_000]


def test_maps_are_those_of_the_structures_in_their_order():
    labels = np.random.default_rng(0).choice(VALUES, (2, 5, 7, 11, 1)).astype(np.int32)
    found = ops.convert_to_numpy(class_maps(labels, STRUCTURES))
    assert found.dtype == np.float32
    for item, maps in zip(labels[..., 0], found, strict=True):
        np.testing.assert_array_equal(maps, reference(item, STRUCTURES))
    np.testing.assert_array_equal(found.sum(-1), 1)


def test_numbers_of_a_2d_map_of_bytes():
    labels = np.array([[0, 4, 200], [9, 2, 255]], np.uint8)[None, ..., None]
    found = ops.convert_to_numpy(class_numbers(labels, [(4,), (255, 9)]))
    np.testing.assert_array_equal(found[0, ..., 0], [[0, 1, 0], [2, 0, 2]])
    assert found.dtype == np.int32
