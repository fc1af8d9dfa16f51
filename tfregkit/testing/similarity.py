"""Checks of a similarity: see `tfregkit.api.Similarity` for the contract they spell out."""

from __future__ import annotations

import keras
import numpy as np

from tfregkit.api import Similarity
from tfregkit.backend.gradients import gradients
from tfregkit.testing.common import BATCH, SHAPES, array, follows_the_rules, image, per_item, policy, values_of


def one_finite_float32_per_item(similarity: Similarity) -> None:
    for shape in SHAPES:
        per_item(values_of(similarity)(image(shape, 1), image(shape, 2)), BATCH, f"in {len(shape)}-D the similarity")


def items_are_independent(similarity: Similarity) -> None:
    """The value of a pair may not depend on the other pairs of the batch."""
    fixed, moved = image(SHAPES[1], 1), image(SHAPES[1], 2)
    similarity = values_of(similarity)
    together = array(similarity(fixed, moved))
    alone = [array(similarity(fixed[i : i + 1], moved[i : i + 1]))[0] for i in range(BATCH)]
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6, err_msg="a pair's value depends on its batch")


def lower_when_aligned(similarity: Similarity) -> None:
    """Lower is better: an image is most like itself, less like itself moved by two voxels."""
    similarity = values_of(similarity)
    fixed = image(SHAPES[1], 3)
    aligned = array(similarity(fixed, fixed))
    for axis in (1, 2, 3):
        shifted = array(similarity(fixed, np.roll(fixed, 2, axis)))
        assert np.all(aligned < shifted), (
            f"not lower when aligned: {aligned} aligned, {shifted} moved along axis {axis}"
        )


def gradient_leads_downhill(similarity: Similarity) -> None:
    """A small step against the gradient with respect to the moved image lowers the value."""
    similarity = values_of(similarity)
    fixed, moved = image(SHAPES[1], 4), image(SHAPES[1], 5)
    (slope,) = gradients(lambda x: keras.ops.sum(similarity(fixed, x)), moved)
    assert np.all(np.isfinite(slope)), "the gradient with respect to `moved` is not finite"
    assert np.abs(slope).max() > 0, "the gradient with respect to `moved` is zero: nothing can be learnt from it"
    step = 1e-2 * slope / np.abs(slope).max()
    before, after = (float(np.sum(array(similarity(fixed, x)))) for x in (moved, moved - step))
    assert after < before, f"a step against the gradient does not lower the value: {before} before, {after} after"


def defined_for_constant_images(similarity: Similarity) -> None:
    """Images without contrast give a finite value and a finite gradient."""
    similarity = values_of(similarity)
    flat = np.full((BATCH, *SHAPES[1], 1), 0.3, "float32")
    for fixed, moved in ((flat, flat), (flat, image(SHAPES[1], 6)), (image(SHAPES[1], 6), flat)):
        per_item(similarity(fixed, moved), BATCH, "for a constant image the similarity")
        (slope,) = gradients(lambda x, fixed=fixed: keras.ops.sum(similarity(fixed, x)), moved)
        assert np.all(np.isfinite(slope)), "the gradient is not finite for a constant image"


def respects_the_mask(similarity: Similarity) -> None:
    """A full mask is no mask, an empty one gives a finite value, and a mask changes what is looked at."""
    similarity = values_of(similarity)
    fixed, moved = image(SHAPES[1], 7), image(SHAPES[1], 8)
    full = np.ones((BATCH, *SHAPES[1], 1), "float32")
    half = full.copy()
    half[:, : SHAPES[1][0] // 2] = 0
    plain = array(similarity(fixed, moved))
    np.testing.assert_allclose(
        array(similarity(fixed, moved, mask=full)), plain, rtol=1e-4, atol=1e-6, err_msg="a full mask changes the value"
    )
    per_item(similarity(fixed, moved, mask=0 * full), BATCH, "with an empty mask the similarity")
    masked = per_item(similarity(fixed, moved, mask=half), BATCH, "with a mask the similarity")
    assert not np.allclose(masked, plain, rtol=1e-6), "the mask is ignored"


def float32_under_mixed_precision(similarity: Similarity) -> None:
    fixed, moved = image(SHAPES[0], 1), image(SHAPES[0], 2)
    expected = array(values_of(similarity)(fixed, moved))
    with policy("mixed_float16"):
        found = per_item(values_of(similarity)(fixed, moved), BATCH, "under mixed_float16 the similarity")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6, err_msg="the value changes under mixed_float16")


CHECKS = [
    follows_the_rules,
    one_finite_float32_per_item,
    items_are_independent,
    lower_when_aligned,
    gradient_leads_downhill,
    defined_for_constant_images,
    respects_the_mask,
    float32_under_mixed_precision,
]
