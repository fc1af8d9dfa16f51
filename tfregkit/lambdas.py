"""Lists of lambdas, the weights of the regularity in [0, 1], as the command line and configurations give them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tfregkit.wording import did_you_mean, one_of

NAMED: dict[str, tuple[float, ...]] = {
    "paper17": (*(i / 40 for i in range(8)), *(i / 10 for i in range(2, 11))),
}
"""`paper17`: 0, 0.025, ..., 0.175, then 0.2, 0.3, ..., 1: dense where the best are, as in Dey et al. 2022, figure 3."""


def parse_lambdas(text: str) -> tuple[float, ...]:
    """`0.1`, `0.05,0.1` or the name of a list.

    Raises:
        ValueError: For anything else, values outside [0, 1], and a value that is given twice.
    """
    if text.strip() in NAMED:
        return NAMED[text.strip()]
    return checked(_number(part.strip()) for part in text.split(","))


def checked(values: Iterable[float]) -> tuple[float, ...]:
    """The values, if each lies in [0, 1] and comes once, and there is one.

    Raises:
        ValueError: Otherwise.
    """
    values = tuple(float(value) for value in values)
    if not values:
        raise ValueError("give at least one lambda")
    for place, value in enumerate(values):
        if not 0 <= value <= 1:
            raise ValueError(f"a lambda must lie in [0, 1]. Received: {value:g}")
        if value in values[:place]:
            raise ValueError(f"the lambda {spelled(value)} is given twice")
    return values


def spelled(value: float) -> str:
    """A lambda as it stands in the names of files: `0.05`, `1`; as many digits as it takes."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def with_lambda(path: Path, value: float | None) -> Path:
    """`moved.nii.gz` as `moved_lambda0.05.nii.gz`; unchanged without a value."""
    if value is None:
        return path
    ending = ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix
    return path.with_name(f"{path.name.removesuffix(ending)}_lambda{spelled(value)}{ending}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        known = did_you_mean(text, NAMED) or f" Named lists: {one_of(NAMED)}"
        raise ValueError(f"expected numbers in [0, 1], such as 0.05,0.1. Received: {text!r}.{known}") from None
