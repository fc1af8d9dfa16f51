"""Checks of a stitcher: see `tfregkit.api.Stitcher` for the contract they spell out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfregkit.api import Stitcher
from tfregkit.backend.gradients import gradients
from tfregkit.testing.common import array, field, follows_the_rules, fresh, policy

COUNTS = (2, 3)
CELLS = (1, 2, 1)


def blocky(stitcher: Stitcher, count: int, cells: tuple[int, int, int] = CELLS, seed: int = 0) -> np.ndarray:
    """A field whose sizes the stitcher takes, with a jump in its middle."""
    multiple = stitcher.multiple(count)
    whole = isinstance(multiple, int) and multiple > 0 and multiple % count == 0
    assert whole, f"`multiple({count})` must be a multiple of {count}. Received: {multiple!r}"
    shape = tuple(multiple * cell for cell in cells)
    values = field(shape, seed, size=2.0)
    values[:, shape[0] // 2 :] += np.array([1.0, -0.5, 0.25], "float32")
    return values


def begins_as_the_identity(stitcher: Stitcher) -> None:
    for count in COUNTS:
        values = blocky(stitcher, count)
        found = fresh(stitcher)(values, count=count)
        assert tuple(found.shape) == values.shape, f"expected the shape of the field, {values.shape}: {found.shape}"
        np.testing.assert_array_equal(array(found), values, err_msg="a new stitcher must return the field as it is")


def takes_any_size_and_count(stitcher: Stitcher) -> None:
    """Built once, called with another size and another number of blocks."""
    stitcher = _stirred(stitcher)
    for count in COUNTS:
        values = blocky(stitcher, count, (2, 1, 1))
        found = array(stitcher(values, count=count))
        assert found.shape == values.shape, f"a field {values.shape} of {count} blocks an axis gave {found.shape}"
        assert np.all(np.isfinite(found)), "the stitched field is not finite"


def items_are_independent(stitcher: Stitcher) -> None:
    stitcher = _stirred(stitcher)
    values = blocky(stitcher, 2)
    together, alone = (array(stitcher(part, count=2)) for part in (values, values[1:]))
    np.testing.assert_allclose(together[1:], alone, rtol=1e-4, atol=1e-5, err_msg="a field depends on its batch")


def gradient_reaches_the_field(stitcher: Stitcher) -> None:
    stitcher = _stirred(stitcher)
    values = blocky(stitcher, 2)
    (slope,) = gradients(lambda x: keras.ops.sum(keras.ops.square(stitcher(x, count=2))), values)
    assert np.all(np.isfinite(slope)), "the gradient is not finite"
    assert np.abs(slope).max() > 0, "the gradient is zero everywhere"


def float32_under_mixed_precision(stitcher: Stitcher) -> None:
    values = blocky(stitcher, 2)
    with policy("mixed_bfloat16"):
        found = array(fresh(stitcher)(values, count=2))
    assert found.dtype == np.float32, f"a stitched field must be float32 under any policy. Received: {found.dtype}"
    np.testing.assert_array_equal(found, values, err_msg="the field is rounded to half precision")


def _stirred(stitcher: Stitcher) -> Any:
    """A fresh stitcher that has left the identity."""
    stitcher = fresh(stitcher)
    stitcher(blocky(stitcher, 2), count=2)
    rng = np.random.default_rng(0)
    stitcher.set_weights([w + 0.1 * rng.normal(size=w.shape) for w in stitcher.get_weights()])
    return stitcher


CHECKS = [
    follows_the_rules,
    begins_as_the_identity,
    takes_any_size_and_count,
    items_are_independent,
    gradient_reaches_the_field,
    float32_under_mixed_precision,
]
