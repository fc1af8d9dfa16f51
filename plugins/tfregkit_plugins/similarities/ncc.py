"""Local normalised cross-correlation."""

from __future__ import annotations

from typing import Annotated, Literal

from keras import ops
from pydantic import Field

from tfregkit.api import Similarity
from tfregkit.ops.reduce import masked_mean
from tfregkit.ops.window import box_sum


class NCC(Similarity):
    """Negative local normalised cross-correlation in a cubic window."""

    def __init__(
        self,
        *,
        window: Annotated[int, Field(ge=3)] = 9,
        form: Literal["square", "root"] = "square",
        epsilon: Annotated[float, Field(gt=0)] = 1e-5,
    ) -> None:
        super().__init__()
        self.window, self.form, self.epsilon = window, form, epsilon

    def call(self, fixed, moved, mask=None):
        n = float(self.window ** (len(fixed.shape) - 2))
        axes = tuple(range(1, len(fixed.shape)))
        fixed = fixed - ops.mean(fixed, axis=axes, keepdims=True)
        moved = moved - ops.mean(moved, axis=axes, keepdims=True)
        products = [fixed, moved, fixed * fixed, moved * moved, fixed * moved]
        f, m, ff, mm, fm = (box_sum(x, self.window) / n for x in products)
        cross = fm - f * m
        variances = ops.maximum(ff - f * f, self.epsilon) * ops.maximum(mm - m * m, self.epsilon)
        cc = ops.square(cross) / variances if self.form == "square" else cross / ops.sqrt(variances)
        return -masked_mean(cc, mask)
