"""The `objective` section of a stage. No Keras here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfregkit.config.settings import Kind, Settings, Spec


class TermSettings(Settings):
    """One term: a similarity or a regularizer, and its weight.

    Args:
        similarity: A similarity section.
        regularizer: A regularizer section.
        weight: The factor in the total.
        views: Which of the strategy's views a similarity looks at, by name (`unsupervised`: `forward`, `backward` if it
            is symmetric, and `P1`, `P2`, ... of a network with levels; `reconstruction`: see there); `null`: all but
            those of levels, or the one that is enough for it.
    """

    similarity: Annotated[Spec, Kind("similarity")] | None = None
    regularizer: Annotated[Spec, Kind("regularizer")] | None = None
    weight: Annotated[float, Field(ge=0)] = 1.0
    views: Annotated[list[str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> TermSettings:
        if (self.similarity is None) == (self.regularizer is None):
            raise ValueError("a term has either a `similarity` or a `regularizer`")
        if self.regularizer is not None and self.views is not None:
            raise ValueError("`views` are for a similarity")
        return self


class ObjectiveSettings(Settings):
    """The terms of the loss and how they are added up.

    Without `lambda`: `total = sum(weight * term)`. With it:
    `total = alpha * (1 - lambda) * sum(weight * similarity) + lambda * sum(weight * regularizer)`.

    Args:
        terms: The terms by name; the names are the columns of `metrics.csv`.
        alpha: Factor of the similarities when `lambda` is set (ContraReg: 0.1).
        lam: `null` for plain weights, a number in [0, 1], or `uniform`: drawn anew for every pair, for a network that
            is conditioned on it.
        mask: Where the similarities look: everywhere, in the fixed mask, or in the union of the fixed and moved masks.
    """

    terms: Annotated[dict[str, TermSettings], Field(min_length=1)]
    alpha: Annotated[float, Field(gt=0)] = 1.0
    lam: Annotated[float, Field(ge=0, le=1)] | Literal["uniform"] | None = Field(None, alias="lambda")
    mask: Literal["none", "fixed", "union"] = "none"

    @model_validator(mode="after")
    def _names(self) -> ObjectiveSettings:
        for name in ("total", "loss"):
            if name in self.terms:
                raise ValueError(f"`{name}` is the name of the sum and cannot be a term's")
        return self
