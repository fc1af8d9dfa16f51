"""Dice overlap of maps with values in [0, 1], differentiable."""

from __future__ import annotations

from typing import Any

from keras import ops


def soft_dice(truth: Any, found: Any, mask: Any = None, squared: bool = False) -> tuple[Any, Any]:
    """`2 sum(t f) / (sum(t) + sum(f))` over space, for each map; of binary maps this is Dice's overlap.

    Args:
        truth: t `(B, X, Y[, Z], C)` in [0, 1].
        found: f, of the same shape.
        mask: `(B, X, Y[, Z], 1)`, by which every sum is weighted, or None.
        squared: Whether the denominator sums squares, `sum(t^2) + sum(f^2)` (Milletari et al.).

    Returns:
        The overlaps `(B, C)` float32, 0 where both maps are empty; and the sizes `sum(t)` `(B, C)`.

    Reference: Dice 1945, doi:10.2307/1932409; Milletari et al. 2016, section 3, doi:10.1109/3DV.2016.79.
    """
    truth, found = ops.cast(truth, "float32"), ops.cast(found, "float32")
    axes = tuple(range(1, len(truth.shape) - 1))

    def total(values: Any) -> Any:
        return ops.sum(values if mask is None else values * mask, axis=axes)

    power = ops.square if squared else ops.convert_to_tensor
    sizes = total(power(truth)) + total(power(found))
    overlap = 2.0 * total(truth * found) / ops.where(sizes > 0, sizes, ops.ones_like(sizes))
    return overlap, total(truth)
