"""Checks of a regularizer: see `tfregkit.api.Regularizer` for the contract they spell out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfregkit.api import Regularizer
from tfregkit.backend.gradients import gradients
from tfregkit.testing.common import BATCH, SHAPES, array, field, follows_the_rules, per_item, policy, values_of


def one_finite_float32_per_item(regularizer: Regularizer) -> None:
    for shape in SHAPES:
        per_item(_values_of(regularizer)(field(shape, 1)), BATCH, f"in {len(shape)}-D the regularizer")


def items_are_independent(regularizer: Regularizer) -> None:
    """The value of a field may not depend on the other fields of the batch."""
    regularizer, fields = _values_of(regularizer), field(SHAPES[1], 1, size=3.0)
    alone = [array(regularizer(fields[i : i + 1]))[0] for i in range(BATCH)]
    np.testing.assert_allclose(
        array(regularizer(fields)), alone, rtol=1e-4, atol=1e-6, err_msg="a field's value depends on its batch"
    )


def least_for_no_motion(regularizer: Regularizer) -> None:
    """No field costs less than none at all, and a rough one that folds costs more."""
    regularizer = _values_of(regularizer)
    rough = np.random.default_rng(3).normal(scale=4.0, size=(BATCH, *SHAPES[1], 3)).astype("float32")
    none = array(regularizer(0 * rough))
    assert np.all(none < array(regularizer(rough))), f"a rough field must cost more than none ({none})"
    assert np.all(none <= array(regularizer(field(SHAPES[1], 2)))), f"a smooth field costs less than none ({none})"


def gradient_is_finite(regularizer: Regularizer) -> None:
    """Also for no field at all, where training begins."""
    regularizer = _values_of(regularizer)
    for size in (0.0, 1.0, 20.0):
        (slope,) = gradients(lambda x: keras.ops.sum(regularizer(x)), field(SHAPES[1], 4, size))
        assert np.all(np.isfinite(slope)), f"the gradient is not finite for a field of up to {size} voxels"


def float32_under_mixed_precision(regularizer: Regularizer) -> None:
    expected = array(_values_of(regularizer)(field(SHAPES[0], 5)))
    with policy("mixed_float16"):
        found = per_item(_values_of(regularizer)(field(SHAPES[0], 5)), BATCH, "under mixed_float16 the regularizer")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6, err_msg="the value changes under mixed_float16")


def _values_of(regularizer: Regularizer) -> Callable[[Any], Any]:
    """As `values_of`; a term of the posterior is shown fields as its means, beside log variances of zero, and one of
    the affine the identity plus the field's vectors at its first voxels."""
    term = values_of(regularizer)
    if regularizer.on == "posterior":
        return lambda mean: term(keras.ops.concatenate([mean, keras.ops.zeros_like(mean)], axis=-1))
    if regularizer.on == "affine":
        return lambda vectors: term(_affine_of(vectors))
    return term


def _affine_of(vectors: Any) -> Any:
    """`(B, N, N + 1)`, the identity where the field is zero."""
    rank = vectors.shape[-1]
    flat = keras.ops.reshape(vectors, (vectors.shape[0], -1, rank))
    return keras.ops.swapaxes(flat[:, : rank + 1], 1, 2) + keras.ops.eye(rank, rank + 1)


CHECKS = [
    follows_the_rules,
    one_finite_float32_per_item,
    items_are_independent,
    least_for_no_motion,
    gradient_is_finite,
    float32_under_mixed_precision,
]
