"""Parts of a network that begin with the trained weights of an earlier stage's, or of another run's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tfregkit.component import Component
from tfregkit.config.schema import parameters
from tfregkit.config.stage import OtherRun
from tfregkit.errors import ConfigError, RunError, TfregkitError
from tfregkit.models.base import Network
from tfregkit.objective.earlier import Earlier
from tfregkit.training.named_parts import declare_weights, part_named, weight_names
from tfregkit.training.other_run import finished_stage

Initial = Mapping[str, str | OtherRun] | None
"""For parts of a network, by name: the earlier stage, or the stage of another run, whose network has them."""

HARMLESS = ("initializer", "remat")
"""Parameters that say nothing of what trained weights are for."""


def start_from(network: Network, initial: Initial, earlier: Earlier) -> None:
    """Copy the weights of parts from networks that are trained.

    Raises:
        ConfigError: When a part is not there, or differs: the first layer that does is named, or the parameters.
        RunError: When another run is not there, or not trained to its end.
    """
    trained = cache(lambda origin: _source(origin, earlier, lambda run, index: run.network(index)))
    for part, origin in (initial or {}).items():
        for own, theirs in _matched(network, trained(origin), part, _where(origin)):
            own.assign(theirs)


def origins(initial: Mapping[str, str | OtherRun]) -> str:
    """Which parts begin with whose weights, in words."""
    return "; ".join(f"the `{part}` of {_where(origin)}" for part, origin in initial.items())


def check_initial(
    network: Network, initial: Initial, earlier: Earlier, absent: Callable[[str], None] | None = None
) -> None:
    """As `start_from`, but only looks, at networks that have no weights yet.

    Args:
        network: Of the stage.
        initial: What begins with which weights.
        earlier: The stages before it.
        absent: Called with the message when another run is not there or not trained, instead of raising.
    """
    build = cache(lambda origin: _source(origin, earlier, _built))
    if initial:
        declare_weights(network)
    for part, origin in (initial or {}).items():
        part_named(network, part, "initial")
        try:
            source = build(origin)
        except TfregkitError as error:
            message = f"initial.{part}: {error}"
            if absent is None or not isinstance(error, RunError):
                raise type(error)(message) from error
            absent(message)
            continue
        declare_weights(source)
        _matched(network, source, part, _where(origin))


def _source(origin: str | OtherRun, earlier: Earlier, network: Callable[[Any, int], Network]) -> Network:
    """The network of an earlier stage, or what `network` makes of the stage of another run."""
    return earlier.network(origin) if isinstance(origin, str) else network(*finished_stage(origin))


def _built(run: Any, index: int) -> Network:
    """The network of a stage, from 1, without its weights."""
    return run.experiment.stages[index - 1].model.build()


def _where(origin: str | OtherRun) -> str:
    return f"stage `{origin}`" if isinstance(origin, str) else str(origin)


def _matched(network: Network, source: Network, part: str, where: str) -> list[tuple[Any, Any]]:
    """The variables of a part in both networks."""
    parts = part_named(network, part, "initial"), part_named(source, part, "initial", where)
    own, theirs = (each.variables for each in parts)
    own_names, their_names = (weight_names(each.variables) for each in parts)
    differ = "; ".join(
        f"`{key}` is {mine} here, and {other} there" for key, (mine, other) in _differences(*parts).items()
    )
    hint = f" Parameters that differ: {differ}." if differ else ""
    for number, (mine, other) in enumerate(zip(own, theirs, strict=False)):
        if tuple(mine.shape) != tuple(other.shape):
            raise ConfigError(
                f"initial.{part}: weight {number + 1}, {own_names[number]}, is {tuple(mine.shape)} here, and "
                f"{their_names[number]} of {where} is {tuple(other.shape)}. Give both the same parameters, and as "
                f"many images.{hint}"
            )
    if len(own) != len(theirs):
        longer, owner = (own_names, "this stage") if len(own) > len(theirs) else (their_names, where)
        number = min(len(own), len(theirs))
        raise ConfigError(
            f"initial.{part}: weight {number + 1}, {longer[number]}, is only in the network of {owner}."
            f" Give both the same parameters.{hint}"
        )
    if differ:
        raise ConfigError(
            f"initial.{part}: it has the weights of that of {where}, and would do something else with them: {differ}. "
            "Give both the same parameters."
        )
    return list(zip(own, theirs, strict=True))


def _differences(own: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """The parameters of two components that differ and matter once there are weights, by key."""
    if not (isinstance(own, Component) and isinstance(theirs, Component)):
        return {}
    if type(own) is not type(theirs):
        return {"name": (type(own).__name__, type(theirs).__name__)}
    found = {}
    for key in parameters(type(own)):
        mine, other = getattr(own, key), getattr(theirs, key)
        if isinstance(mine, Component):
            found |= {f"{key}.{inner}": values for inner, values in _differences(mine, other).items()}
        elif key not in HARMLESS and not _alike(mine, other):
            found[key] = mine, other
    return found


def _alike(mine: Any, other: Any) -> bool:
    """Whether two parameters say the same; one number may stand for that of every axis."""
    one, two = (list(value) if isinstance(value, (list, tuple)) else value for value in (mine, other))
    if isinstance(one, list) and isinstance(two, (int, float)):
        return bool(one) and all(value == two for value in one)
    if isinstance(two, list) and isinstance(one, (int, float)):
        return _alike(other, mine)
    return one == two
