"""Which numbers of an objective can be learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from tfregkit.config.annotations import unwrapped
from tfregkit.config.schema import annotations, is_union
from tfregkit.errors import ConfigError
from tfregkit.wording import did_you_mean, one_of

if TYPE_CHECKING:
    from tfregkit.objective.objective import Objective


class Learnable(NamedTuple):
    """A positive real number of an objective: of which term, `weight` or the name of its parameter, and its value."""

    term: str
    parameter: str
    value: float

    @property
    def name(self) -> str:
        return f"{self.term}.{self.parameter}"


def learnable(objective: Objective, name: str) -> Learnable:
    """The number that is called `term` or `term.weight`, or `term.parameter`.

    Raises:
        ConfigError: When there is none, or one that cannot be learned by its gradient.
    """
    term, _, parameter = (name, "", "weight") if name in objective.terms else name.rpartition(".")
    if term not in objective.terms:
        raise ConfigError(
            f"`{name}` is no hyper-parameter of the objective.{did_you_mean(term or name, objective.terms)} Name a "
            f"term for its weight, or `term.parameter`. Terms: {one_of(objective.terms)}."
        )
    if f"{term}.{parameter}" in objective.learned:
        raise ConfigError(f"`{name}` is named twice.")
    value = objective.term_weights[term]
    if parameter != "weight":
        value = _parameter(name, objective.terms[term], parameter)
    if not value > 0:
        raise ConfigError(
            f"`{name}` begins with {value:g}, and what is learned is positive. Begin with a number above 0."
        )
    return Learnable(term, parameter, float(value))


def _parameter(name: str, component: Any, parameter: str) -> float:
    """The value of a real parameter of a term."""
    declared, what = annotations(type(component)), f"`{type(component).__name__}`"
    values = {key: getattr(component, key) for key, annotation in declared.items() if _real(annotation)}
    able = ["weight", *(key for key, value in values.items() if isinstance(value, (int, float)))]
    if parameter in able:
        return values[parameter]
    if parameter in declared:
        why = f"{what} is not differentiable in `{parameter}`, which is {getattr(component, parameter)!r}."
    else:
        why = f"{what} has no parameter `{parameter}`.{did_you_mean(parameter, ['weight', *declared])}"
    raise ConfigError(f"`{name}`: {why} Of this term can be learned: {one_of(able)}.")


def _real(annotation: Any) -> bool:
    """Whether a parameter is declared as a real number, perhaps among other choices."""
    base, _ = unwrapped(annotation)
    return any(_real(arm) for arm in get_args(base)) if is_union(base) else base is float
