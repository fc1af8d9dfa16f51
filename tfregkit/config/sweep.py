"""The section `sweep`: which values of which keys are tried, one run for each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from tfregkit.config.settings import Settings

Range = Annotated[list[float], Field(min_length=2, max_length=2)]
Values = Annotated[list[Any], Field(min_length=1)]


class DrawSettings(Settings):
    """How the values of one key are drawn: exactly one of these."""

    uniform: Range | None = Field(None, description="Between these two numbers.")
    log_uniform: Range | None = Field(
        None, description="Between these two positive numbers, evenly in the logarithm: for what varies by factors."
    )
    choice: Values | None = Field(None, description="One of these values.")

    @model_validator(mode="after")
    def _one(self) -> DrawSettings:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("expected exactly one of `uniform`, `log_uniform`, `choice`")
        bounds = self.uniform or self.log_uniform
        if bounds and not bounds[0] < bounds[1]:
            raise ValueError("the first bound must be below the second")
        if self.log_uniform and self.log_uniform[0] <= 0:
            raise ValueError("`log_uniform` needs bounds above 0")
        return self

    def value(self, rng: np.random.Generator) -> Any:
        """One number, rounded to four digits; of a choice the place of the value in the list."""
        if self.choice is not None:
            return int(rng.integers(len(self.choice)))
        low, high = self.uniform or map(math.log, self.log_uniform)
        number = rng.uniform(low, high)
        return float(f"{number if self.uniform else math.exp(number):.4g}")


class RandomSettings(Settings):
    """Values drawn at random, for all keys together."""

    keys: Annotated[dict[str, DrawSettings], Field(min_length=1)] = Field(
        description="How the values of each key are drawn, by its dotted path."
    )
    samples: int = Field(ge=1, description="How many runs.")
    seed: int = Field(0, ge=0, description="Of the draws. More samples later on leave the first ones as they are.")

    def draws(self) -> Iterator[dict[str, Any]]:
        """The values of each run; of a choice the place in its list."""
        for sample in range(self.samples):
            rng = np.random.default_rng((self.seed, sample))
            yield {key: draw.value(rng) for key, draw in self.keys.items()}


class SweepSettings(Settings):
    """Several runs that differ in the values of some keys; exactly one of the two."""

    grid: Annotated[dict[str, Values], Field(min_length=1)] | None = Field(
        None, description="The values of each key, by its dotted path as `--set` takes it; every combination is a run."
    )
    random: RandomSettings | None = Field(None, description="Values drawn at random.")

    @model_validator(mode="after")
    def _one(self) -> SweepSettings:
        if (self.grid is None) == (self.random is None):
            raise ValueError("expected `grid` or `random`, and not both")
        return self

    @property
    def keys(self) -> list[str]:
        """The keys that are swept."""
        return list(self.grid if self.grid is not None else self.random.keys)

    def draws(self) -> Iterator[dict[str, Any]]:
        """The values of each run by key; of a list of values the place in it."""
        if self.random is not None:
            yield from self.random.draws()
            return
        for places in itertools.product(*(range(len(values)) for values in self.grid.values())):
            yield dict(zip(self.grid, places, strict=True))
