"""The parts of a network that a configuration names, and their weights in words."""

from __future__ import annotations

import re
from collections.abc import Iterable

import keras

from tfregkit.errors import ConfigError
from tfregkit.models.base import Network


def part_named(network: Network, name: str, key: str, where: str = "this stage") -> keras.layers.Layer:
    """The layer that is the network's attribute `name`.

    Args:
        network: It need not have weights yet.
        name: Of the part, `encoder` for instance.
        key: What of the configuration names it, for the message.
        where: Whose network it is, for the message.

    Raises:
        ConfigError: When there is no such part; those there are are named.
    """
    part = getattr(network, name, None)
    if not isinstance(part, keras.layers.Layer):
        attributes = vars(network) | vars(network).get("_modules", {})  # where torch keeps what is a module
        parts = [each for each, value in attributes.items() if isinstance(value, keras.layers.Layer)]
        known = ", ".join(f"`{each}`" for each in parts if not each.startswith("_")) or "none"
        raise ConfigError(f"{key}: the network of {where} has no part `{name}`. Its parts: {known}.")
    return part


def declare_weights(network: Network) -> None:
    """Weights of a network that has none, for images of any size.

    Raises:
        ConfigError: What the network's parts say when they do not fit each other.
    """
    if not network.built:
        image = keras.KerasTensor((1, *[4 * network.stride] * 3, 1))
        network(
            {"moving": image, "fixed": image, "lam": keras.KerasTensor((1, 1)), "noise": keras.KerasTensor((1, 4096))}
        )


def weight_names(weights: Iterable[keras.Variable]) -> list[str]:
    """Paths of weights, their layers counted among those of their kind in the same layer: `encoder/conv_block_2/kernel`
    is of the third `conv_block`. Keras' own numbers go on counting from network to network."""
    names, counted = [], {}
    for weight in weights:
        around, words = "", []
        for word in weight.path.split("/"):
            kind = re.sub(r"_\d+$", "", word)
            alike = counted.setdefault((around, kind), [])
            if word not in alike:
                alike.append(word)
            number = alike.index(word)
            words.append(f"{kind}_{number}" if number else kind)
            around = f"{around}/{word}"
        names.append("/".join(words))
    return names
