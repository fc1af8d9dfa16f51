"""Metrics of one pair, before and after registration, at any number of lambdas."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tfregkit.data.base import Pair
from tfregkit.errors import reason
from tfregkit.evaluation.base import Case, Direction, Metric
from tfregkit.evaluation.cases import Scans
from tfregkit.evaluation.table import SECONDS, Row

Values = dict[str, dict[str, float]]
"""Values by metric and structure."""


class Measured(NamedTuple):
    """A pair at one lambda: its case (of the registration direction) and rows, or why there are none.

    `names` are the structures' names by label value, where the network has them.
    """

    lam: float | None
    case: Case | None = None
    rows: list[Row] = []
    failure: str = ""
    names: Mapping[int, str] = {}


def measured(
    registration: Any,
    pair: Pair,
    lambdas: Sequence[float | None],
    metrics: Mapping[str, Metric],
    directions: Sequence[Direction] = ("registration",),
    **options: Any,
) -> Iterator[Measured]:
    """Register a pair once for all lambdas and measure each result, in their order. No error leaves it.

    The images, the labels and what is measured before registration are read and worked out once; of the work that the
    lambdas share, each row `seconds` has its share.

    Args:
        registration: The run, as `inference.registration.Registration`.
        pair: The scans.
        lambdas: `[None]` for a network that takes none.
        metrics: By the name of their rows.
        directions: The one registration of a pair is measured in each of them.
        **options: `refine`, `tile` and others that `register_each` takes.
    """
    results, scans, turned = _results(registration, pair, lambdas, options), None, None
    before: dict[Direction, Values] = {}
    for place, lam in enumerate(lambdas):
        try:
            result = next(results)
        except Exception as error:  # then there are none for the lambdas after it either
            yield from (Measured(later, failure=reason(error)) for later in lambdas[place:])
            return
        try:
            scans = scans or Scans.read(pair, result.initial)
            turned = turned or scans.turned()
            case, rows = scans.case(result.transform), []
            for direction in directions:
                seen = case if direction == "registration" else turned.case(result.inverse)
                before[direction] = before.get(direction) or values(seen.before(), metrics)
                rows += measure(seen, metrics, lam, before[direction], direction)
            rows.append(Row(pair.id, lam, SECONDS, "", math.nan, sum(result.seconds.values())))
            yield Measured(lam, case, rows)
        except Exception as error:
            yield Measured(lam, failure=reason(error))


def measure(
    case: Case,
    metrics: Mapping[str, Metric],
    lam: float | None = None,
    before: Values | None = None,
    direction: Direction = "registration",
) -> list[Row]:
    """All metrics of one pair, before (as given, or measured here) and after registration."""
    earlier = values(case.before(), metrics) if before is None else before
    return [
        Row(case.pair, lam, name, structure, earlier[name].get(structure, math.nan), value, direction)
        for name, found in values(case, metrics).items()
        for structure, value in found.items()
    ]


def values(case: Case, metrics: Mapping[str, Metric]) -> Values:
    """What the metrics give for a case."""
    return {name: metric(case) for name, metric in metrics.items()}


def _results(registration: Any, pair: Pair, lambdas: Sequence[float | None], options: dict) -> Iterator[Any]:
    """A generator, so that errors of the shared work come with the first result."""
    masks = {"moving_mask": pair.moving.mask, "fixed_mask": pair.fixed.mask}
    wanted = None if lambdas[0] is None else list(lambdas)
    yield from registration.register_each(pair.moving.image, pair.fixed.image, wanted, **masks, **options)
