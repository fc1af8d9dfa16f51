"""Checks of an encoder: see `tfregkit.api.Encoder` for the contract they spell out."""

from __future__ import annotations

import numpy as np

from tfregkit.api import Encoder
from tfregkit.testing.common import BATCH, array, follows_the_rules, fresh, image

CELLS = ((2, 3), (1, 2, 3))
"""Sizes of the coarsest maps the checks use, different along each axis."""


def sizes(stride: int, cells: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(stride * cell for cell in cells)


def stride_is_a_power_of_two(encoder: Encoder) -> None:
    stride = encoder.stride
    assert isinstance(stride, int), f"`stride` must be an int. Received: {stride!r}"
    assert stride >= 1, f"`stride` must be positive. Received: {stride}"
    assert stride & (stride - 1) == 0, f"`stride` must be a power of two. Received: {stride}"


def gives_a_pyramid(encoder: Encoder) -> None:
    """Maps `P0`, `P1`, ...: level n is 2^n times smaller than the input; finite."""
    for cells in CELLS:
        shape = sizes(encoder.stride, cells)
        pyramid = fresh(encoder)(image(shape, channels=2))
        assert isinstance(pyramid, dict), f"an encoder returns a dict of maps. Received: {type(pyramid).__name__}"
        for name, features in pyramid.items():
            assert name[0] == "P" and name[1:].isdigit(), f"maps are called `P0`, `P1`, ... Received: {name}"  # noqa: PT018
            expected = (BATCH, *(size // 2 ** int(name[1:]) for size in shape))
            assert tuple(features.shape[:-1]) == expected, f"{name} has shape {features.shape}, expected {expected}"
            assert np.all(np.isfinite(array(features))), f"{name} is not finite"


def takes_any_size(encoder: Encoder) -> None:
    """Built once, called with another size: nothing in it may depend on the size."""
    encoder = fresh(encoder)
    encoder(image(sizes(encoder.stride, (1, 2, 3)), channels=2))
    other = sizes(encoder.stride, (3, 1, 2))
    name, features = min(encoder(image(other, channels=2)).items())
    expected = tuple(size // 2 ** int(name[1:]) for size in other)
    assert tuple(features.shape[1:-1]) == expected, f"the second size gave {features.shape} for {name}"


def same_weights_same_maps(encoder: Encoder) -> None:
    """Two copies with equal weights give equal maps: all state is in the weights."""
    one, two = fresh(encoder), fresh(encoder)
    inputs = image(sizes(encoder.stride, CELLS[1]), channels=2)
    one(inputs), two(inputs)
    two.set_weights(one.get_weights())
    first, second = one(inputs, training=False), two(inputs, training=False)
    for name in first:
        np.testing.assert_allclose(array(first[name]), array(second[name]), rtol=1e-5, atol=1e-6, err_msg=name)


CHECKS = [
    follows_the_rules,
    stride_is_a_power_of_two,
    gives_a_pyramid,
    takes_any_size,
    same_weights_same_maps,
]
