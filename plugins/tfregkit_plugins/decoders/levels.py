"""What decoders ask of a pyramid."""

from __future__ import annotations

from collections.abc import Sequence

from tfregkit.api import ConfigError


def check_filters(filters: Sequence[int], levels: int) -> None:
    """Raise a ConfigError where `filters` has more entries than a pyramid of so many levels has above its bottom."""
    if levels < len(filters) + 1:
        raise ConfigError(
            f"`filters` of the decoder has at most one entry per level above the bottom: the encoder gives {levels} "
            f"levels, so {levels - 1}. Received: filters={list(filters)}"
        )
