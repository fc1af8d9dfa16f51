"""Parts of a network that training leaves as they are."""

from __future__ import annotations

from collections.abc import Sequence

from tfregkit.errors import ConfigError
from tfregkit.models.base import Network
from tfregkit.training.named_parts import part_named


def freeze(network: Network, names: Sequence[str]) -> None:
    """Let no step change the weights of these parts, statistics of batch normalisation among them.

    Args:
        network: Of the stage, with weights.
        names: Of its parts, as `initial` takes them.

    Raises:
        ConfigError: When a part is not there, or nothing would be left to train.
    """
    for name in names:
        part_named(network, name, "freeze").trainable = False
    if names and not network.trainable_variables:
        raise ConfigError(f"freeze: nothing of the network is left to train without {', '.join(names)}.")
