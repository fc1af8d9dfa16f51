"""Lambdas as the value of an option."""

from __future__ import annotations

from typing import Any

import click

from tfregkit.lambdas import parse_lambdas, spelled


class Lambdas(click.ParamType):
    """`0.1`, `0.05,0.1` or the name of a list, as a tuple of numbers in [0, 1]."""

    name = "L[,L...]|paper17"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return parse_lambdas(value)
        except ValueError as error:
            self.fail(f"{error}", param, ctx)


def at_lambda(lam: float | None, origin: str | None) -> str:
    """` at lambda 0.1` for a message, with who chose it if the user did not; nothing without a lambda."""
    if lam is None:
        return ""
    return f" at lambda {spelled(lam)}{' (chosen by `tfregkit sweep`)' if origin == 'sweep' else ''}"
