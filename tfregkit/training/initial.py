"""Parts of a network that begin with the trained weights of an earlier stage's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tfregkit.errors import ConfigError
from tfregkit.models.base import Network
from tfregkit.objective.earlier import Earlier


def start_from(network: Network, initial: Mapping[str, str] | None, earlier: Earlier) -> None:
    """Copy the weights of parts: `initial` names, for each part of the network, the stage whose network has them.

    Raises:
        ConfigError: When a part is not there, or differs: the first layer that does is named.
    """
    for part, stage in (initial or {}).items():
        for own, trained in _matched(network, earlier.network(stage), part, stage):
            own.assign(trained)


def check_initial(network: Network, initial: Mapping[str, str] | None, earlier: Earlier) -> None:
    """As `start_from`, but only looks, at networks that have no weights yet. They get some."""
    for part, stage in (initial or {}).items():
        source = earlier.network(stage)
        for each in (network, source):
            _part(each, part, "this stage" if each is network else f"stage `{stage}`")
            _create(each)
        _matched(network, source, part, stage)


def _matched(network: Network, source: Network, part: str, stage: str) -> list[tuple[Any, Any]]:
    """The variables of a part in both networks."""
    own, theirs = _part(network, part, "this stage").variables, _part(source, part, f"stage `{stage}`").variables
    for mine, other in zip(own, theirs, strict=False):
        if tuple(mine.shape) != tuple(other.shape):
            raise ConfigError(
                f"initial.{part}: {mine.path} is {tuple(mine.shape)} here, and {other.path} of stage `{stage}` is "
                f"{tuple(other.shape)}. Give both the same parameters, and as many images."
            )
    if len(own) != len(theirs):
        longer, where = (own, "this stage") if len(own) > len(theirs) else (theirs, f"stage `{stage}`")
        raise ConfigError(
            f"initial.{part}: {longer[min(len(own), len(theirs))].path} is only in the network of {where}. Give both "
            "the same parameters."
        )
    return list(zip(own, theirs, strict=True))


def _part(network: Network, name: str, where: str) -> keras.layers.Layer:
    part = getattr(network, name, None)
    if not isinstance(part, keras.layers.Layer):
        parts = [key for key, value in vars(network).items() if isinstance(value, keras.layers.Layer)]
        known = ", ".join(f"`{key}`" for key in parts if not key.startswith("_")) or "none"
        raise ConfigError(f"initial: the network of {where} has no part `{name}`. Its parts: {known}.")
    return part


def _create(network: Network) -> None:
    """Weights of a network that has none, for images of any size."""
    if not network.built:
        image = keras.KerasTensor((1, *[4 * network.stride] * 3, 1))
        network(
            {"moving": image, "fixed": image, "lam": keras.KerasTensor((1, 1)), "noise": keras.KerasTensor((1, 4096))}
        )
